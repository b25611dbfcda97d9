/**
 * A stock Node image; the digest is of the multi-platform index (amd64, arm64, …), so a tag that moves changes nothing.
 */
export const defaultAgentImage =
  'docker.io/library/node:22.23.2-bookworm-slim@sha256:83f487e0a63425e5b4d146fb5e5be574bcbe1b7b843d3ebafdd95eaf7767a7e5'

/** The image that the init container takes Node from: the person's, else the manifest's, else the stock one. */
export function agentImage(
  environment: Readonly<Record<string, string | undefined>>,
  manifestImage: string | undefined,
): string {
  return environment.PODSWAP_AGENT_IMAGE || manifestImage || defaultAgentImage
}
