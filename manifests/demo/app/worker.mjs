// Packs the orders that the web service has, one after the other.
const web = process.env.WEB ?? 'http://web'
const idleMs = 500

process.on('SIGTERM', () => process.exit(0))
for (;;) {
  const order = await packNext()
  if (order) console.log(`packed ${order.id}: ${order.item}`)
  else await new Promise(resolve => setTimeout(resolve, idleMs))
}

async function packNext() {
  try {
    const response = await fetch(`${web}/orders/pack`, { method: 'POST', signal: AbortSignal.timeout(5000) })
    if (response.status === 200) return await response.json()
    await response.arrayBuffer()
  } catch (error) {
    console.error(`${web}: ${error.cause?.code ?? error.message}`)
  }
}
