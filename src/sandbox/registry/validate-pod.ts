// biome-ignore-all lint/suspicious/noExplicitAny: what a person wrote; every part is checked as far as it is used
import type { FieldProblem } from '../store/api-error.ts'
import { duplicate, missing, required, wrong } from './field-problems.ts'

const nameForm = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
const nameRule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"

/** What is wrong with a pod's spec, at `path`. */
export function podSpecProblems(spec: any, path: string): FieldProblem[] {
  const problems: FieldProblem[] = []
  const volumes = new Set<string>()
  for (const [index, volume] of list(spec.volumes).entries()) {
    const at = `${path}.volumes[${index}].name`
    if (!volume.name) problems.push(required(at))
    else if (!nameForm.test(volume.name)) problems.push(wrong(at, volume.name, nameRule))
    else if (volumes.has(volume.name)) problems.push(duplicate(at, volume.name))
    volumes.add(volume.name)
  }
  if (list(spec.containers).length === 0) problems.push(required(`${path}.containers`))
  const names = new Set<string>()
  for (const field of ['containers', 'initContainers']) {
    for (const [index, container] of list(spec[field]).entries()) {
      problems.push(...containerProblems(container, `${path}.${field}[${index}]`, names, volumes))
    }
  }
  return problems
}

function containerProblems(container: any, path: string, names: Set<string>, volumes: Set<string>): FieldProblem[] {
  const problems: FieldProblem[] = []
  const { name, image } = container
  if (!name) problems.push(required(`${path}.name`))
  else if (!nameForm.test(name)) problems.push(wrong(`${path}.name`, name, nameRule))
  else if (names.has(name)) problems.push(duplicate(`${path}.name`, name))
  names.add(name)
  if (!image) problems.push(required(`${path}.image`))
  for (const [index, variable] of list(container.env).entries()) {
    const at = `${path}.env[${index}]`
    if (!variable.name) problems.push(required(`${at}.name`))
    if (variable.value !== undefined && typeof variable.value !== 'string') {
      problems.push(wrong(`${at}.value`, variable.value, 'must be a string'))
    }
    if (variable.value && variable.valueFrom) {
      problems.push(wrong(`${at}.valueFrom`, '', 'may not be specified when `value` is not empty'))
    }
  }
  for (const [index, mount] of list(container.volumeMounts).entries()) {
    const at = `${path}.volumeMounts[${index}]`
    if (!mount.name) problems.push(required(`${at}.name`))
    else if (!volumes.has(mount.name)) problems.push(missing(`${at}.name`, mount.name))
    if (!mount.mountPath) problems.push(required(`${at}.mountPath`))
  }
  return problems
}

function list(value: unknown): any[] {
  return Array.isArray(value) ? value : []
}
