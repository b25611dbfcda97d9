import { Fields } from './fields.ts'
import type { Dev } from './manifest.ts'
import { readImage, readMapField, readResources } from './read-container.ts'
import type { Reading } from './reading.ts'

/** Images that deliver Okteto's own programs, from whichever registry or mirror: there is no Node in them. */
const oktetosPrograms = /(?:^|\/)okteto\/(?:bin|okteto)(?:[:@]|$)/

/** `initContainer: {image, resources}`, of what delivers the agent. One that is meant for Okteto's programs is left out. */
export function readInitContainer(reading: Reading, fields: Fields): Dev['initContainer'] {
  const map = readMapField(reading, fields, 'initContainer')
  if (map === undefined) return undefined
  const parts = new Fields(reading, map)
  parts.complainAboutRest({ image: 'read', resources: 'read' }, 'initContainer.')
  const image = readImage(reading, parts)
  const resources = readResources(reading, parts)
  if (image !== undefined && oktetosPrograms.test(image)) {
    // the resources are those of a copy of a few files: too few for a Node
    const hint = 'podswap’s agent comes with an image of Node, which `initContainer.image` can name'
    reading.complaints.warn(parts.entry('image')!.value.at, 'has no effect here: Okteto’s own initContainer', hint)
    return undefined
  }
  return { ...(image !== undefined && { image }), ...(resources !== undefined && { resources }) }
}
