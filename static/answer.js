// The states of the landing page: waiting, ask, done.

export const main = document.querySelector('[data-arrive]')
export const choice = main.querySelector('[data-choice]')
const error = main.querySelector('[data-error]')
const below = main.querySelector('[data-after]')
let isUnderHand = false

// A hand on a button: from now on nothing changes under it. The form's answer says what happened.
for (const type of ['pointerdown', 'keydown', 'submit']) {
  choice.addEventListener(type, () => { isUnderHand = true })
}

// A page taken back out of the browser's cache may show what is no longer so.
addEventListener('pageshow', ({ persisted }) => persisted && location.reload())

/** False for a tab reloaded, restored or gone back to: the person may have changed their mind since.
 *  One that had said "done" may ask whether that still holds; the server then only tells. */
export function isNewVisit() {
  const type = performance.getEntriesByType('navigation')[0]?.type
  return (type !== 'reload' && type !== 'back_forward') || history.state === 'done'
}

/** True from the moment on that a hand is on a button. */
export function isHeld() {
  return isUnderHand
}

/** Shows `waiting`, `ask` or `done`, and below that what came with it; anything else asks too and says that nothing
 *  could be saved. */
export function show({ answer, because, after }) {
  const isKnown = ['waiting', 'ask', 'done'].includes(answer)
  main.dataset.state = isKnown ? answer : 'ask'
  error.textContent = isKnown ? (error.dataset[because] ?? '') : error.dataset.say
  if (answer === 'done') fillDone(after)
}

function fillDone(after = '') {
  for (const element of main.querySelectorAll('[data-done] [data-say]')) element.textContent = element.dataset.say
  below.innerHTML = after // a piece of the page, from the server that the page is from
  document.title = main.querySelector('[data-done] h1').textContent
  history.replaceState('done', '')
}
