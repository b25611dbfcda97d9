import type { FieldProblem } from '../store/api-error.ts'

export function required(field: string, why = ''): FieldProblem {
  return { reason: 'FieldValueRequired', message: why ? `Required value: ${why}` : 'Required value', field }
}

export function wrong(field: string, value: unknown, why: string): FieldProblem {
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(value)}: ${why}`, field }
}

export function forbidden(field: string, why: string): FieldProblem {
  return { reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field }
}

export function duplicate(field: string, value: string): FieldProblem {
  return { reason: 'FieldValueDuplicate', message: `Duplicate value: ${JSON.stringify(value)}`, field }
}

export function missing(field: string, value: string): FieldProblem {
  return { reason: 'FieldValueNotFound', message: `Not found: ${JSON.stringify(value)}`, field }
}
