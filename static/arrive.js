// Tells the server that someone arrived. While the answer is `ask`, tells it again when a person shows more of themselves.
import { isNewVisit, isOpen, main, show } from './answer.js'
import { onPresence, presence } from './presence.js'

const CALLS_AT_MOST = 6
const wasPrerendered = document.prerendering === true
let calls = 0
let isCalling = false
let hasNews = false // something showed meanwhile
let wasFocused = false

async function arrive() {
  hasNews = isCalling
  if (isCalling || !isOpen() || calls === CALLS_AT_MOST) return
  calls += 1
  isCalling = true
  const { answer, undo } = await post().catch(() => ({}))
  isCalling = false
  if (isOpen()) show(answer, undo)
  if (hasNews) arrive()
}

async function post() {
  const page = {
    webdriver: navigator.webdriver === true,
    framed: window.top !== window.self,
    prerendered: wasPrerendered,
    visible: document.visibilityState === 'visible',
    focused: (wasFocused = document.hasFocus()),
    presence,
  }
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
  show('waiting')
  arrive()
  onPresence(arrive)
  addEventListener('focus', () => wasFocused || arrive())
}

if (isNewVisit()) begin()
else show('ask')
