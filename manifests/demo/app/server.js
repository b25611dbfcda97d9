import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { follow, tell } from './lib/live.js'
import { listOrders, packNext, placeOrder } from './lib/orders.js'
import { pageFile, renderPage } from './lib/page.js'
import { whoami } from './lib/whoami.js'

const routes = {
  'GET /': async () => ({ type: 'text/html; charset=utf-8', body: await renderPage() }),
  'GET /whoami': async () => json(whoami()),
  'GET /orders': async () => json(await listOrders()),
  'POST /orders': async request => {
    const order = await placeOrder((await text(request)).trim())
    tell('orders')
    return json(order, 201)
  },
  // asked for by the worker, which runs elsewhere in the cluster
  'POST /orders/pack': async () => {
    const order = await packNext()
    if (order) tell('orders')
    return order ? json(order) : { status: 204 }
  },
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost')
  if (pathname === '/live') return follow(response)
  try {
    const route = routes[`${request.method} ${pathname}`]
    const { status = 200, type, body } = route ? await route(request) : await pageFile(pathname)
    response.writeHead(status, { 'cache-control': 'no-store', ...(type && { 'content-type': type }) }).end(body)
  } catch (error) {
    const message = error.message || error.code || 'failed'
    // what the system or the database says needs no stack
    console.error(error.code ? `${request.method} ${pathname}: ${message}` : error)
    response.writeHead(error.status ?? 500, { 'content-type': 'text/plain; charset=utf-8' }).end(`${message}\n`)
  }
})

const port = Number(process.env.PORT ?? 8080)
server.listen(port, () => console.log(`listening on ${port}`))

// As the container's first process it gets no default handler: without this, every stop takes the whole grace period.
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0))

function json(value, status = 200) {
  return { status, type: 'application/json', body: JSON.stringify(value) }
}
