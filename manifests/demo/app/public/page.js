// Shows the orders, and keeps the page up to date: what is edited on the laptop, and what the worker packs.
const list = document.querySelector('#orders')
const form = document.querySelector('#order')
const trouble = document.querySelector('#trouble')
const retryMs = 500
let { version } = document.documentElement.dataset

form.addEventListener('submit', async event => {
  event.preventDefault()
  await attempt(async () => {
    await ask('/orders', { method: 'POST', body: new FormData(form).get('item') })
    form.reset()
  })
})

async function showOrders() {
  await attempt(async () => {
    const orders = await (await ask('/orders')).json()
    list.replaceChildren(
      ...orders.map(({ id, item, packed_at }) => {
        const line = document.createElement('li')
        line.textContent = `${id} ${item}: ${packed_at ? 'packed' : 'waits for the worker'}`
        line.className = packed_at ? 'packed' : 'waiting'
        return line
      }),
    )
  })
}

async function ask(path, options) {
  const response = await fetch(path, options)
  if (!response.ok) throw new Error(await response.text())
  return response
}

async function attempt(work) {
  try {
    await work()
    trouble.hidden = true
  } catch (error) {
    trouble.textContent = error.message
    trouble.hidden = false
  }
}

function follow() {
  const events = new EventSource('/live')
  events.addEventListener('version', ({ data }) => {
    version ??= data
    if (version !== data) return location.reload()
    showOrders()
  })
  events.addEventListener('orders', showOrders)
  events.addEventListener('error', () => {
    // a broken connection is tried again by the browser, a refused one is not
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, retryMs)
  })
}

follow()
