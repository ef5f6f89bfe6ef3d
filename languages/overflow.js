// Lists the texts that do not fit, as "element fault: text".
() => {
  const edge = document.documentElement.clientWidth
  const found = []
  const say = (element, fault, text) => {
    found.push(`${element.localName} ${fault}: ${text.trim().slice(0, 80)}`)
  }

  const isSeen = element =>
    element.checkVisibility({ visibilityProperty: true }) && !element.closest('.unseen')

  // What is chosen in a list is cut off without a trace: compared with a list that is as wide as it likes.
  const lookAtSelect = element => {
    const free = element.cloneNode(false)
    const text = element.selectedOptions[0]?.text ?? ''
    free.add(new Option(text))
    free.style.cssText = 'position: absolute; visibility: hidden; width: max-content; max-width: none'
    element.after(free)
    if (free.offsetWidth > element.offsetWidth + 1) say(element, 'cuts off', text)
    free.remove()
  }

  const lookAtBox = element => {
    const { overflowY } = getComputedStyle(element)
    if (element.clientWidth <= 1) return
    if (element.scrollWidth > element.clientWidth + 1) say(element, 'is too narrow', element.innerText)
    if (['hidden', 'clip'].includes(overflowY) && element.scrollHeight > element.clientHeight + 1) {
      say(element, 'is too low', element.innerText)
    }
  }

  const lookAtText = node => {
    const range = document.createRange()
    range.selectNodeContents(node)
    const isOut = [...range.getClientRects()].some(box => box.right > edge + 1 || box.left < -1)
    if (isOut) say(node.parentElement, 'leaves the window', node.data)
  }

  if (document.documentElement.scrollWidth > edge) say(document.body, 'makes the window scroll', document.title)
  for (const element of [...document.body.querySelectorAll('*')].filter(isSeen)) {
    const texts = [...element.childNodes].filter(node => node.nodeType === Node.TEXT_NODE && node.data.trim())
    if (element.localName === 'select') lookAtSelect(element)
    else if (texts.length) lookAtBox(element)
    if (element.localName !== 'option') texts.forEach(lookAtText)
  }
  return found
}
