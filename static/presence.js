// Counts what a hand does on this page, and nothing that would tell one device from another.
// A hand takes its time: what a program does in one instant is not counted.

export const presence = { spots: 0, span: 0, touches: 0, keys: 0, scrolls: 0, presses: 0, untrusted: 0 }

const SPOTS_OF_A_HAND = 3 // browsers report the resting pointer to a new page: one spot is nobody
const SPOTS_COUNTED = 20
const APART = 4 // pixels
const MOVING = 80 // milliseconds that a movement or a turn of the wheel takes
const HELD = 30 // milliseconds that a key or a finger is down
const spots = []
const turns = []
const downAt = new Map() // keys and fingers
const told = new Set()
let tell = () => {}
let movedAt

const readers = {
  pointermove: move,
  pointerdown: ({ pointerId, pointerType, timeStamp }) => pointerType === 'mouse' || downAt.set(pointerId, timeStamp),
  pointerup: (event) => isHeld(event.pointerId, event) && count('touches'),
  keydown: (event) => event.repeat || downAt.set(event.code, event.timeStamp),
  keyup: (event) => isHeld(event.code, event) && count('keys'),
  wheel: turn,
  touchmove: turn,
  click: (event) => event.target.closest('[data-choice] button') && (presence.presses += 1),
}

// On the way up, so that a press on a button is known as such before it counts as presence.
for (const [type, read] of Object.entries(readers)) {
  addEventListener(type, (event) => (event.isTrusted ? read(event) : (presence.untrusted += 1)), { passive: true })
}

/** Calls `listener` each time a kind of presence shows for the first time. */
export function onPresence(listener) {
  tell = listener
}

/** True once a hand has shown as the server wants to see it. */
export function isShown() {
  return told.size > 0
}

function isHeld(key, { timeStamp }) {
  const since = downAt.get(key)
  downAt.delete(key)
  return timeStamp - since >= HELD
}

function move({ pointerType, clientX: x, clientY: y, timeStamp }) {
  if (pointerType === 'touch') return
  movedAt ??= timeStamp
  const isNear = (spot) => Math.hypot(spot.x - x, spot.y - y) < APART
  if (spots.length < SPOTS_COUNTED && !spots.some(isNear)) presence.spots = spots.push({ x, y })
  presence.span = Math.round(timeStamp - movedAt)
  if (presence.spots >= SPOTS_OF_A_HAND && presence.span >= MOVING) tellOf('spots')
}

function turn({ timeStamp }) {
  turns.push(timeStamp)
  if (turns.length > 2 && timeStamp - turns[0] >= MOVING) count('scrolls')
}

function count(kind) {
  presence[kind] += 1
  tellOf(kind)
}

function tellOf(kind) {
  if (!told.has(kind)) tell(told.add(kind))
}
