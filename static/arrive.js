// Tells the server that someone arrived. While the answer is `ask`, tells it again when a person shows more of themselves;
// after a `done` that no hand had part in, when one shows, and after a while, because programs let a page's time run ahead.
// A report that got no answer is sent again: who leaves by one click leaves in spite of a gap in the network.
import { choice, isHeld, isNewVisit, main, show } from './answer.js'
import { facts, report, wasPrerendered } from './facts.js'
import './hands.js'
import { isShown, onPresence } from './presence.js'

const CALLS_AT_MOST = 9
const A_WHILE = 5_000 // milliseconds
const repeats = [1_000, 4_000, 15_000] // milliseconds after each report that got lost
let calls = 0
let isCalling = false
let isLost = false // the last report, or its answer
let hasNews = false // something showed meanwhile
let isWitnessed = false // an answered call has told of a hand
let wasFocused = false

async function arrive() {
  const isDone = main.dataset.state === 'done'
  hasNews = isCalling
  if (isCalling || isHeld() || (isDone && isWitnessed) || calls === CALLS_AT_MOST) return
  calls += 1
  isCalling = true
  const [page, isWitness] = [facts(), isShown()]
  wasFocused = page.focused
  const answer = await report(page)
  isCalling = false
  isLost = answer === undefined
  isWitnessed ||= isWitness && !isLost
  if (!isHeld() && !isDone && !(isLost && calls === 1)) show(answer ?? {}) // an answer a second later worries nobody
  if (hasNews) arrive()
  else if (isLost) repeat()
}

function repeat() {
  const wait = repeats.shift() * (1 + Math.random() / 2) // not all at once, where many lost a server
  if (wait) setTimeout(() => isLost && arrive(), wait)
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
  addEventListener('online', () => isLost && arrive())
}

choice.addEventListener('submit', () => { choice.elements.page.value = JSON.stringify(facts()) })
if (isNewVisit()) begin()
else show({ answer: 'ask' })
