// relay.js BOUND-FILE: answers at once, sends afterwards, keeps nothing.
'use strict'
const { serve, send } = require('./server')
const { followUp } = require('./tap')

serve(process.argv[2], (notification) => {
  const body = followUp(notification)
  if (body) send(body).catch((error) => console.error(`lost: ${error.message}`))
})
