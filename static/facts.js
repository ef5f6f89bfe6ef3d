// What the page can say of how it came to be here, nothing that would tell one device from another; and saying it.
import { main } from './answer.js'
import { presence } from './presence.js'

export const wasPrerendered = document.prerendering === true

/** The facts as the server reads them (engagement/detection/facts.py). */
export function facts() {
  const [visit] = performance.getEntriesByType('navigation')
  return {
    webdriver: navigator.webdriver === true,
    framed: window.top !== window.self,
    prerendered: wasPrerendered,
    visible: document.visibilityState === 'visible',
    focused: document.hasFocus(),
    styled: getComputedStyle(document.documentElement).getPropertyValue('--page') !== '',
    elapsed: Math.round(performance.now() - (visit?.responseStart ?? 0)),
    presence,
  }
}

/** What the server says to the facts, an object without `answer` when it declines. Undefined when nothing came of the call:
 *  it may be made again. */
export async function report(page) {
  const sent = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ nonce: main.dataset.nonce, page }),
    credentials: 'omit',
    keepalive: true,
    signal: AbortSignal.timeout?.(20_000),
  }
  try {
    const response = await fetch(main.dataset.arrive, sent)
    const text = await response.text() // read to the end, whatever came
    if (response.ok) return JSON.parse(text)
    return response.status < 500 ? {} : undefined
  } catch {
    return undefined
  }
}
