// Counts what a hand does on this page, and nothing that would tell one device from another.

export const presence = { spots: 0, touches: 0, keys: 0, scrolls: 0, untrusted: 0 }

const SPOTS_OF_A_HAND = 3 // browsers report the resting pointer to a new page: one spot is nobody
const SPOTS_COUNTED = 20
const APART = 4 // pixels
const spots = []
let tell = () => {}

const readers = {
  pointermove: seePointer,
  pointerdown: seePointer,
  touchmove: () => count('scrolls'),
  wheel: () => count('scrolls'),
  keydown: (event) => event.repeat || count('keys'),
  click: () => {}, // only worth a look when it is a script's
}

// On the way up, so that a press on a button is known as such before it counts as presence.
for (const [type, read] of Object.entries(readers)) {
  addEventListener(type, (event) => (event.isTrusted ? read(event) : count('untrusted')), { passive: true })
}

/** Calls `listener` each time a kind of presence shows for the first time. */
export function onPresence(listener) {
  tell = listener
}

function seePointer({ type, pointerType, clientX: x, clientY: y }) {
  if (pointerType === 'touch') {
    if (type === 'pointerdown') count('touches')
    return
  }
  const isNear = (spot) => Math.hypot(spot.x - x, spot.y - y) < APART
  if (spots.length === SPOTS_COUNTED || spots.some(isNear)) return
  spots.push({ x, y })
  count('spots', SPOTS_OF_A_HAND)
}

function count(kind, enough = 1) {
  presence[kind] += 1
  if (presence[kind] === enough && kind !== 'untrusted') tell()
}
