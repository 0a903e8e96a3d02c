import { type ChildProcess, execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { generate } from 'selfsigned'
import { endTied, spawnTied } from './tied-process.ts'

/** Whether there is a Redis to test with. In CI there must be one. */
export const hasRedis = spawnSync('redis-server', ['--version']).error === undefined
if (!hasRedis) {
  const how = 'install one, e.g. with `apt-get install redis-server`'
  if (process.env.CI) throw new Error(`there is no redis-server on PATH: ${how}`)
  console.warn(`There is no redis-server on PATH, so the tests of the shared cache on Redis are skipped: ${how}.`)
}

/** A real Redis on a free port, for as long as a test needs it. It ends with this process at the latest. */
export class RedisServer {
  readonly port: number
  readonly url: string
  readonly #directory = mkdtempSync(join(tmpdir(), 'mca-auth-redis-'))
  readonly #options: readonly string[]
  /** The configuration of a Sentinel, which writes into its file. */
  #configuration: string | undefined
  #process: ChildProcess | undefined
  #frozen: number | undefined

  static async start(...options: string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), options)
    await server.start()
    return server
  }

  private constructor(port: number, options: readonly string[]) {
    this.port = port
    this.url = `redis://127.0.0.1:${port}`
    this.#options = options
  }

  /** A Sentinel that watches a master under the name `orders`, and promotes a replica when the master is gone. */
  static async startSentinel(master: RedisServer): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), [])
    server.#configuration = [
      `port ${server.port}`,
      'bind 127.0.0.1',
      `dir ${server.#directory}`,
      `sentinel monitor orders 127.0.0.1 ${master.port} 1`,
      'sentinel down-after-milliseconds orders 500',
      'sentinel failover-timeout orders 5000',
    ].join('\n')
    await server.start()
    return server
  }

  async start(): Promise<void> {
    const common = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--dir', this.#directory]
    const file = join(this.#directory, 'redis.conf')
    if (this.#configuration !== undefined) writeFileSync(file, this.#configuration)
    const how = this.#configuration === undefined ? [...common, ...this.#options] : [file, '--sentinel']
    this.#process = spawnTied('redis-server', how)
    try {
      await ready(this.#process)
    } catch (error) {
      await this[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Its reply to a command, or the error, as text. */
  cli(...command: string[]): string {
    const { stdout, stderr } = spawnSync('redis-cli', ['-p', String(this.port), ...command], { encoding: 'utf8' })
    return stdout || stderr
  }

  /** Everything that a reader of this Redis can see. */
  everything(): string {
    const keys = this.cli('--scan').split('\n').filter(Boolean)
    return keys.map((key) => `${key} ${this.cli('hgetall', key)} ${this.cli('get', key)}`).join('\n')
  }

  /** The number of scripts that its clients have run. */
  get scriptsRun(): number {
    return Number(/cmdstat_eval:calls=(\d+)/.exec(this.cli('info', 'commandstats'))?.[1] ?? 0)
  }

  /** From now on, keeps its connections open and does not reply. */
  freeze(): void {
    this.#frozen = Number(/process_id:(\d+)/.exec(this.cli('info', 'server'))?.[1])
    process.kill(this.#frozen, 'SIGSTOP')
  }

  thaw(): void {
    if (this.#frozen !== undefined) process.kill(this.#frozen, 'SIGCONT')
  }

  async stop(): Promise<void> {
    const ended = this.#process
    this.#process = undefined
    if (ended !== undefined) await endTied(ended)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** Resolves when the log of a Redis or a Sentinel says that it is listening. */
function ready({ stdout }: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = ''
    stdout?.setEncoding('utf8').on('data', (chunk) => {
      log += chunk
      if (/Ready to accept connections|\+monitor master/.test(log)) resolve()
    })
    stdout?.on('end', () => reject(new Error(`redis-server ended:\n${log}`)))
  })
}

/** A Redis that also speaks TLS, on a second port. */
export async function startTls(): Promise<{ readonly url: string } & AsyncDisposable> {
  const pem = await generate([{ name: 'commonName', value: 'localhost' }])
  const directory = mkdtempSync(join(tmpdir(), 'mca-auth-redis-tls-'))
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  writeFileSync(key, pem.private)
  writeFileSync(cert, pem.cert)
  const port = await freePort()
  const files = ['--tls-key-file', key, '--tls-cert-file', cert, '--tls-ca-cert-file', cert, '--tls-auth-clients', 'no']
  const server = await RedisServer.start('--tls-port', String(port), ...files)
  return {
    url: `rediss://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Three masters without replicas. */
export async function startCluster(): Promise<{ readonly urls: string[]; [Symbol.asyncDispose](): Promise<void> }> {
  const options = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000']
  const masters = await Promise.all([1, 2, 3].map(() => RedisServer.start(...options)))
  const addresses = masters.map(({ port }) => `127.0.0.1:${port}`)
  execFileSync('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'], { stdio: 'ignore' })
  const formed = () => masters.every((master) => master.cli('cluster', 'info').includes('cluster_state:ok'))
  while (!formed()) await sleep(50)
  return {
    urls: masters.map(({ url }) => url),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(masters.map((master) => master[Symbol.asyncDispose]()))
    },
  }
}

/**
 * Below the ports that the system assigns (from 32,768 on Linux): a server that is stopped and started again finds its
 * port free. The bus of a cluster uses this port plus 10,000.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 11_000 + Math.floor(Math.random() * 10_000)
    if ((await canListen(port)) && (await canListen(port + 10_000))) return port
  }
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer()
  const listening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => resolve(true))
  })
  if (listening) await new Promise((resolve) => server.close(resolve))
  return listening
}
