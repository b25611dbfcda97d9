export function buildStartScript(): Promise<string>
