// What the page can say of how it came to be here: nothing that would tell one device from another.
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
