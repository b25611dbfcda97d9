import { describe, expect, it } from 'vitest'
import { chooseDev } from '../../../src/commands/workplace.ts'
import { devErrors, errorsOf, load, loadDev } from './laptop.ts'

const folders = (dev: { sync: { local: string; remote: string }[] }) =>
  dev.sync.map(({ local, remote }) => `${local} ${remote}`)

describe('services', () => {
  it('are devs of their own with the same files', () => {
    const dev = loadDev(
      [
        'image: ruby:3',
        'workdir: /app',
        'sync: [.:/app, ./lib:/lib]',
        'forward: [3000:3000]',
        'environment: {A: main}',
        'services:',
        '- name: worker',
        '  container: jobs',
        '  image: ruby:3.1',
        '  command: bundle exec sidekiq',
        '  environment: {A: worker}',
        '  resources: {limits: {memory: 1Gi}}',
        '  replicas: 1',
        '- name: cron',
        '  command: [cron, -f]',
        '  workdir: /srv',
        '  sync: [./src:/srv/src]',
      ].join('\n'),
    )
    expect(dev.warnings).toEqual([])
    const [worker, cron] = dev.services!
    expect(worker).toMatchObject({
      name: 'worker',
      at: { line: 9 },
      container: 'jobs',
      image: 'ruby:3.1',
      command: ['sh', '-c', 'bundle exec sidekiq'],
      workdir: '/app',
      forward: [],
      environment: [{ name: 'A', value: 'worker' }],
      resources: { limits: { memory: '1Gi' } },
    })
    expect(folders(worker!)).toEqual(['/work/app /app', '/work/app/lib /lib'])
    expect(cron).toMatchObject({ name: 'cron', command: ['cron', '-f'], workdir: '/srv' })
    expect(folders(cron!)).toEqual(['/work/app/src /srv/src'])
    expect(folders(dev)).toEqual(['/work/app /app', '/work/app/lib /lib'])
  })

  it('of a v1 file are read likewise', () => {
    const { devs } = load('name: web\nimage: x\nservices:\n- name: worker\n  command: run\n  mountpath: /code\n')
    expect(devs[0]!.services).toMatchObject([{ name: 'worker', sync: [{ local: '/work/app', remote: '/code' }] }])
  })

  it('are found by labels, too, and then have a name to be spoken of', () => {
    const { services } = loadDev('services:\n- {labels: {app: jobs}, command: run}\n- {name: b, command: run}')
    expect(services).toMatchObject([{ name: 'web-2', selector: { app: 'jobs' } }, { name: 'b' }])
  })

  it('keep the original’s command where they have none of their own', () => {
    const { services } = loadDev('services:\n- name: worker\n- {name: cron, command: crond}')
    expect(services).toMatchObject([{ name: 'worker', keepsCommand: true }, { name: 'cron' }])
    expect(services![1]).not.toHaveProperty('keepsCommand')
  })

  it('warn of what is the dev’s alone', () => {
    const dev = loadDev('services:\n- name: worker\n  forward: [80:80]\n  services: [{name: x}]\n  replicas: 2')
    expect(dev.warnings).toEqual([
      '5:7 has no effect here: services.forward',
      '6:7 has no effect here: services.services',
      '7:7 has no effect here: replicas',
    ])
    expect(dev.services).toMatchObject([{ name: 'worker', forward: [] }])
    expect(dev.services![0]).not.toHaveProperty('services')
    expect(loadDev('services: []')).not.toHaveProperty('services')
  })

  it('are named on the command line as devs are', () => {
    const manifest = load('dev:\n  web:\n    services: [{name: worker, command: run}]\n')
    expect(chooseDev(manifest, undefined).name).toBe('web')
    expect(chooseDev(manifest, 'worker').name).toBe('worker')
    expect(() => chooseDev(manifest, 'nobody')).toThrow('the manifest has no dev nobody')
  })

  it.each<[string, string[]]>([
    ['services: {worker: {}}', ['3:15 `services` must be a list, not a map']],
    ['services: [worker]', ['3:16 a service must be a map, not a single value']],
    ['services: [{command: run}]', ['3:16 the name of the workload is missing']],
    ['services: [{name: a, imagePullPolicy: No}]', [expect.stringMatching(/^3:43 `imagePullPolicy` must be/)]],
    ['services: [{name: web}]', ['3:17 two devs are named web, the first in line 2']],
    ['services: [{name: a}, {name: a}]', ['3:28 two devs are named a, the first in line 3']],
  ])('%j is refused', (fields, expected) => {
    expect(devErrors(fields)).toEqual(expected)
  })

  it('may be a dev besides, which is the one that is meant by the name', () => {
    const manifest = load('dev:\n  web:\n    services: [{name: api}]\n  api:\n    image: ruby:3\n')
    expect(manifest.devs.map(({ name, services }) => [name, services?.length])).toEqual([
      ['web', 1],
      ['api', undefined],
    ])
    expect(chooseDev(manifest, 'api')).toBe(manifest.devs[1])
  })

  it('may belong to several devs', () => {
    const manifest = load('dev:\n  web: {services: [{name: jobs}]}\n  api: {services: [{name: jobs}]}\n')
    expect(manifest.devs.map(({ services }) => services?.map(({ name }) => name))).toEqual([['jobs'], ['jobs']])
    expect(() => chooseDev(manifest, 'nobody')).toThrow(expect.objectContaining({ hint: 'it has web, jobs, api' }))
  })

  it('that are found by labels take no name that is written', () => {
    const text = 'dev:\n  web:\n    services: [{labels: {app: a}}, {labels: {app: b}}, {name: web-3}]\n  web-2:\n'
    const [web] = load(text).devs
    expect(web!.services!.map(({ name }) => name)).toEqual(['web-5', 'web-6', 'web-3'])
  })

  it('leave two devs of one name an error', () => {
    const beside = { '/work/app/a.yml': 'name: a\nservices: [{name: b}]\n' }
    const errors = errorsOf('devs: [a.yml]\ndev:\n  a:\n', { beside })
    expect(errors).toEqual(['1:1 two devs are named a, the first in line 3'])
  })
})
