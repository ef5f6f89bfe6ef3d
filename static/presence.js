// Counts of what a hand did on this page, and nothing that would tell one device from another. hands.js does the counting.

export const presence = { spots: 0, span: 0, touches: 0, keys: 0, scrolls: 0, presses: 0, instants: 0, untrusted: 0 }

const shown = new Set()
let tell = () => {}

/** Calls `listener` each time a kind of presence shows for the first time. */
export function onPresence(listener) {
  tell = listener
}

/** True once a hand has shown as the server wants to see it. */
export function isShown() {
  return shown.size > 0
}

export function count(kind) {
  presence[kind] += 1
  show(kind)
}

export function show(kind) {
  if (!shown.has(kind)) tell(shown.add(kind))
}
