// A box in the head of a table that selects or clears all of its rows.
for (const form of document.querySelectorAll('[data-select]')) {
  const all = form.querySelector('[data-all]')
  const boxes = [...form.querySelectorAll('input[name=change]')]
  if (!all) continue
  all.hidden = false
  all.addEventListener('change', () => { for (const box of boxes) box.checked = all.checked })
  form.addEventListener('change', () => {
    all.checked = boxes.every((box) => box.checked)
    all.indeterminate = !all.checked && boxes.some((box) => box.checked)
  })
}
