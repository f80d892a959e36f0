// The receiver that relay.js and stored.js share: fastify in front, undici behind.
'use strict'
const { writeFileSync } = require('node:fs')
const fastify = require('fastify')
const { Pool } = require('undici')
const { isSigned } = require('./tap')

const octopods = new URL(process.env.OCTOPODS_URL)
const pool = new Pool(octopods.origin, { connections: 64 })
const headers = { 'content-type': 'application/json', 'x-octopods-auth': process.env.SHOP_KEY }

// Resolves when Octopods has taken it.
async function send (body) {
  const answer = await pool.request({ method: 'POST', path: octopods.pathname, headers, body })
  await answer.body.dump()
  if (answer.statusCode !== 200) throw new Error(`Octopods answers ${answer.statusCode}`)
}

function parse (body) {
  try {
    const value = JSON.parse(body)
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}

// Calls take(notification, body) for each webhook that is authentic, then answers 200.
function serve (boundFile, take) {
  const app = fastify({ bodyLimit: 1 << 20 })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => done(null, body))
  app.post('/webhooks/intercom', (request, reply) => {
    if (!isSigned(request.body, request.headers['x-hub-signature'])) {
      reply.code(401).send()
      return
    }
    const notification = parse(request.body)
    if (!notification) {
      reply.code(400).send()
      return
    }
    take(notification, request.body)
    reply.send('ok')
  })
  app.listen({ host: '127.0.0.1', port: 0 }, (error, address) => {
    if (error) throw error
    writeFileSync(boundFile, new URL(address).host + '\n')
  })
  process.on('SIGTERM', () => process.exit(0))
}

module.exports = { serve, send }
