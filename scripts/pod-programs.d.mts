export function buildStartScript(): Promise<string>
export function buildPodProgram(name: 'boot' | 'attach'): Promise<string>
