// stored.js BOUND-FILE DATABASE: answers when the notification is on disk, each in a commit of its own; a second commit says
// that its follow-up is done. What comes twice is stored once. What was not done when the program ended is sent at its next start.
'use strict'
const Database = require('better-sqlite3')
const { serve, send } = require('./server')
const { followUp } = require('./tap')

const db = new Database(process.argv[3])
db.pragma('journal_mode = WAL')
db.pragma('synchronous = FULL')
db.exec(`CREATE TABLE IF NOT EXISTS notification (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, body BLOB NOT NULL, done INTEGER NOT NULL)`)
const insert = db.prepare('INSERT INTO notification (key, body, done) VALUES (?, ?, ?) ON CONFLICT DO NOTHING')
const setDone = db.prepare('UPDATE notification SET done = 1 WHERE id = ?')

function finish (id, body) {
  send(body).then(() => setDone.run(id)).catch((error) => console.error(`${id} is not done: ${error.message}`))
}

for (const row of db.prepare('SELECT id, body FROM notification WHERE done = 0').all()) {
  finish(row.id, followUp(JSON.parse(row.body)))
}

serve(process.argv[2], (notification, raw) => {
  const body = followUp(notification)
  const { changes, lastInsertRowid } = insert.run(String(notification.id), raw, body ? 0 : 1)
  if (changes && body) finish(lastInsertRowid, body)
})
