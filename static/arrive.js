// Tells the server that someone arrived. While the answer is `ask`, tells it again when a person shows more of themselves;
// after a `done` that no hand had part in, when one shows, and after a while, because programs let a page's time run ahead.
import { choice, isHeld, isNewVisit, main, show } from './answer.js'
import { facts, wasPrerendered } from './facts.js'
import './hands.js'
import { isShown, onPresence } from './presence.js'

const CALLS_AT_MOST = 6
const A_WHILE = 5_000 // milliseconds
let calls = 0
let isCalling = false
let hasNews = false // something showed meanwhile
let isWitnessed = false // a call has told of a hand
let wasFocused = false

async function arrive() {
  const isDone = main.dataset.state === 'done'
  hasNews = isCalling
  if (isCalling || isHeld() || (isDone && isWitnessed) || calls === CALLS_AT_MOST) return
  calls += 1
  isCalling = true
  const report = await post().catch(() => ({}))
  isCalling = false
  if (!isHeld() && !isDone) show(report)
  if (hasNews) arrive()
}

async function post() {
  const page = facts()
  isWitnessed = isShown()
  wasFocused = page.focused
  const response = await fetch(main.dataset.arrive, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ nonce: main.dataset.nonce, page }),
    credentials: 'omit',
    keepalive: true,
    signal: AbortSignal.timeout?.(20_000),
  })
  const report = await response.json() // read to the end, whatever came
  return response.ok ? report : {}
}

function once(type) {
  return new Promise((resolve) => document.addEventListener(type, resolve, { once: true }))
}

async function begin() {
  if (wasPrerendered) await once('prerenderingchange')
  while (document.visibilityState !== 'visible') await once('visibilitychange')
  show({ answer: 'waiting' })
  arrive()
  onPresence(arrive)
  setTimeout(() => main.dataset.state !== 'ask' && arrive(), A_WHILE)
  addEventListener('focus', () => wasFocused || arrive())
}

choice.addEventListener('submit', () => { choice.elements.page.value = JSON.stringify(facts()) })
if (isNewVisit()) begin()
else show({ answer: 'ask' })
