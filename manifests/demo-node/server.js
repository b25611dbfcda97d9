import { createServer } from 'node:http'
import { databaseState } from './lib/database.js'
import { renderPage } from './lib/page.js'
import { whoami } from './lib/whoami.js'

const routes = {
  '/': async () => ({ type: 'text/html; charset=utf-8', body: await renderPage() }),
  '/whoami': async () => ({ type: 'application/json', body: JSON.stringify(whoami()) }),
  '/env': async url => ({ type: 'text/plain; charset=utf-8', body: process.env[url.searchParams.get('name')] ?? '' }),
  '/db': async () => ({ type: 'application/json', body: JSON.stringify(await databaseState()) }),
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost')
  const route = routes[url.pathname]
  try {
    const { type, body } = route ? await route(url) : { type: 'text/plain', body: 'not found\n' }
    response.writeHead(route ? 200 : 404, { 'content-type': type }).end(body)
  } catch (error) {
    response.writeHead(500, { 'content-type': 'text/plain' }).end(`${error.message}\n`)
  }
})

const port = Number(process.env.PORT ?? 8080)
server.listen(port, () => console.log(`listening on ${port}`))

// As the container's first process it gets no default handler: without this, every stop takes the whole grace period.
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0))
