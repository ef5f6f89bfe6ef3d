// Lists the texts that do not fit, as "element fault: text".
() => {
  const edge = document.documentElement.clientWidth
  const pen = document.createElement('canvas').getContext('2d')
  const found = []
  const say = (element, fault, text) => {
    found.push(`${element.localName} ${fault}: ${text.trim().slice(0, 80)}`)
  }

  const isSeen = element =>
    element.checkVisibility({ visibilityProperty: true }) && !element.closest('.unseen')

  // What is chosen in a list is cut off without a trace.
  const lookAtSelect = element => {
    const { font, paddingLeft, paddingRight } = getComputedStyle(element)
    const text = element.selectedOptions[0]?.text ?? ''
    pen.font = font
    const room = element.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight)
    if (pen.measureText(text).width > room + 1) say(element, 'cuts off', text)
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
