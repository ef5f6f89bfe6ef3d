// Watches hands. A hand takes its time: what a program does in one instant is not counted.
import { count, presence, show } from './presence.js'

const SPOTS_OF_A_HAND = 3 // browsers report the resting pointer to a new page: one spot is nobody
const SPOTS_COUNTED = 20
const APART = 4 // pixels
const MOVING = 80 // milliseconds that a movement or a turn of the wheel takes
const HELD = 30 // milliseconds that a key, a finger or a button is down
const spots = []
const turns = []
const downAt = new Map() // keys and pointers
let movedAt
let wasHeld = false // when the pointer was let go

const readers = {
  pointermove: move,
  pointerdown: ({ pointerId, timeStamp }) => downAt.set(pointerId, timeStamp),
  pointerup: lift,
  keydown: (event) => event.repeat || downAt.set(event.code, event.timeStamp),
  keyup: (event) => isHeld(event.code, event) && count('keys'),
  wheel: turn,
  touchmove: turn,
  click: press,
}

// On the way up, so that a press on a button is known as such before it counts as presence.
for (const [type, read] of Object.entries(readers)) {
  addEventListener(type, (event) => (event.isTrusted ? read(event) : (presence.untrusted += 1)), { passive: true })
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
  if (presence.spots >= SPOTS_OF_A_HAND && presence.span >= MOVING) show('spots')
}

function lift(event) {
  wasHeld = isHeld(event.pointerId, event)
  if (wasHeld && event.pointerType !== 'mouse') count('touches')
}

function turn({ timeStamp }) {
  turns.push(timeStamp)
  if (turns.length > 2 && timeStamp - turns[0] >= MOVING) count('scrolls')
}

function press({ target, pointerType }) {
  if (!target.closest('[data-choice] button')) return
  presence.presses += 1
  if (pointerType === 'mouse' && !wasHeld) presence.instants += 1
}
