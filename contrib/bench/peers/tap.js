// What a webhook must be before anything follows from it, and what follows: what the bench's rule says to callbackd.
'use strict'
const { createHmac, createSecretKey, timingSafeEqual } = require('node:crypto')

const TAP = /^track:(?<id>ORD-[0-9]{4,12})$/
const CUSTOMERS = new Set(['user', 'lead', 'contact', 'visitor'])
const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', nbsp: ' ', '#39': "'" }
const secret = createSecretKey(process.env.INTERCOM_SECRET, 'utf8')

// X-Hub-Signature: "sha1=" and the HMAC of the raw body.
function isSigned (body, signature) {
  if (typeof signature !== 'string' || !signature.startsWith('sha1=')) return false
  const given = Buffer.from(signature.slice(5), 'hex')
  const expected = createHmac('sha1', secret).update(body).digest()
  return given.length === expected.length && timingSafeEqual(given, expected)
}

function textOf (html) {
  return html.replace(/<br\s*\/?>|<\/p>\s*<p>/gi, '\n').replace(/<[^>]*>/g, '')
    .replace(/&(amp|lt|gt|quot|nbsp|#39);/g, (_, name) => ENTITIES[name]).trim()
}

// The follow-up, as Octopods takes it; null if the notification is no tap that we know.
function followUp (notification) {
  if (notification.topic !== 'conversation.user.replied') return null
  const item = notification.data?.item
  const part = item?.conversation_parts?.conversation_parts?.at(-1)
  const user = item?.contacts?.contacts?.[0]?.external_id
  if (!user || !CUSTOMERS.has(part?.author?.type) || typeof part.body !== 'string') return null
  const data = textOf(part.body)
  const tap = TAP.exec(data)
  if (!tap) return null
  return JSON.stringify({
    destination_user_id: user,
    telegram_interactive_message: {
      type: 'reply_buttons',
      text: `Order ${tap.groups.id} is on its way.`,
      buttons: [[{ text: 'Refresh', callback_data: data }]]
    }
  })
}

module.exports = { isSigned, followUp }
