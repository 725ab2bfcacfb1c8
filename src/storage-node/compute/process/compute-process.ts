import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, ftruncate, read, readSync, write } from 'node:fs'
import { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { failure, isActiveStorageError } from '../../../core/errors.ts'
import type { Value } from '../../../core/value.ts'
import { type Frame, FrameReader, type Outgoing, pack, unpack, writeAll } from './frames.ts'
import { openMemoryFile } from './memory-file.ts'
import { childMemory } from './child-memory.ts'

const truncateFile = promisify(ftruncate)
const readFile = promisify(read)
const writeFile = promisify(write)

// The built program lies beside this file; from source there is a loader for it.
const programFile = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './main-from-source.mjs' : './main.js', import.meta.url))

/** Up to this many bytes are copied to and from the file at once, within about a millisecond; more are on another thread. */
const AT_ONCE = 4 * 1024 * 1024
/** What the file may keep of memory between two messages. */
const KEPT = 16 * 1024 * 1024
/** What a process writes to its error output, of which the last is kept for the error. */
const TOLD = 16 * 1024
/** A process that is gone may leave its pipe open, where it has started others. */
const CLOSE_MS = 1000

/** A compute process that has ended: why, in words that follow "the process". */
export class ProcessEnded extends Error {
  readonly how: string
  /** The host ended it. */
  readonly killed: boolean
  constructor(how: string, killed: boolean) {
    super(`a compute process ${how}`)
    this.how = how
    this.killed = killed
  }
}

const CAUSE = /fatal|terminate called|what\(\)|out of memory|error/i
/** The line of an error output that says why. Text of a stranger: printable characters alone, and not many. */
const causeOf = (told: string): string => {
  const line = told.split('\n').find((each) => CAUSE.test(each))
  return line === undefined
    ? ''
    : ` (${line
        .replaceAll(/[^\x20-\x7e]+/g, ' ')
        .trim()
        .slice(0, 200)})`
}

const environment = (): NodeJS.ProcessEnv => {
  // Options of this process are not the child's: with --eval or --inspect among them it would do something else.
  const { NODE_OPTIONS: _, NODE_CHANNEL_FD: __, ...others } = process.env
  return { ...others, ORT_DISABLE_TELEMETRY: '1' }
}

/**
 * One compute process: a program that is asked one thing at a time. It is not trusted: what runs in it may have taken it over.
 * It keeps this process alive only while it is asked something.
 */
export class ComputeProcess {
  readonly #child: ChildProcess
  readonly #pipe: Socket
  readonly #file: number
  readonly #reader = new FrameReader()
  #waiting: { readonly resolve: (value: Value) => void; readonly reject: (error: unknown) => void } | undefined
  #why: { readonly how: string; readonly killed: boolean } | undefined
  #over: ProcessEnded | undefined
  #told = ''
  #answering = false
  /** Ends when what reads or writes the file does. */
  #io: Promise<unknown> = Promise.resolve()
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>

  /**
   * Starts a process. It may be asked at once; its first answer comes when it is ready.
   * @param program the file that it runs. Default: that of compute processes
   */
  static async start(program = programFile): Promise<ComputeProcess> {
    return new ComputeProcess(await openMemoryFile(), program)
  }

  private constructor(file: number, program: string) {
    this.#file = file
    // Not in a session of its own: the scheduler would take it for another user's, and wake it later (0.3 ms, measured).
    this.#child = spawn(process.execPath, [program, String(process.pid)], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', file],
      windowsHide: true,
      env: environment(),
    })
    const pipe = this.#child.stdio[3]
    this.#pipe = pipe instanceof Socket ? pipe : new Socket()
    this.#pipe.on('error', () => undefined)
    this.#pipe.on('data', (bytes: Buffer) => this.#take(bytes))
    const { stderr } = this.#child
    stderr?.on('error', () => undefined)
    stderr?.on('data', (bytes: Buffer) => (this.#told = (this.#told + bytes.toString('latin1')).slice(0, TOLD)))
    this.ended = new Promise((resolve) => {
      let over = false
      const end = (how: string) => {
        if (over) return
        over = true
        const { how: because = how, killed = false } = this.#why ?? {}
        this.#over = new ProcessEnded(because, killed)
        this.#pipe.destroy()
        stderr?.destroy()
        // Only when nothing reads or writes it any more: another file may get its number.
        void this.#io.then(() => closeSync(this.#file))
        this.#fail(this.#over)
        resolve()
      }
      this.#child.once('error', (error) => end(`cannot be started: ${error.message}`))
      this.#child.once('exit', (code, signal) => {
        const how = () => `ended with ${signal ?? `exit code ${code ?? '?'}`}${causeOf(this.#told)}`
        // Its last words may still be in the pipes.
        const timer = setTimeout(() => end(how()), CLOSE_MS)
        this.#child.once('close', () => {
          clearTimeout(timer)
          end(how())
        })
      })
    })
    this.#unref()
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }
  /** It has ended, or is about to. */
  get gone(): boolean {
    return this.#over !== undefined || this.#why !== undefined
  }
  /** Bytes of memory that it has for itself: not those of the program and libraries, which processes share. */
  get memoryBytes(): number {
    return this.gone ? 0 : childMemory(this.pid)
  }

  /**
   * Asks one thing, when what was asked before has been answered.
   * @throws ProcessEnded; ActiveStorageError `too-large` for what no message holds, `worker-died` where there is no room for it
   */
  async ask(value: Value): Promise<Value> {
    const { packet, filed } = pack(value)
    if (this.#over !== undefined) throw this.#over
    this.#ref()
    const answer = new Promise<Value>((resolve, reject) => (this.#waiting = { resolve, reject }))
    // It may end while the file is written.
    answer.catch(() => undefined)
    try {
      await this.#during(() => this.#write(filed))
    } catch (error) {
      this.#waiting = undefined
      this.kill()
      throw failure(
        'worker-died',
        `tensors cannot be passed to a compute process: ${error instanceof Error ? error.message : String(error)}`,
        error,
      )
    }
    if (this.#over === undefined) this.#pipe.write(packet)
    return answer
  }

  #during(work: () => Promise<void>): Promise<void> {
    const mine = work()
    this.#io = Promise.allSettled([this.#io, mine])
    return mine
  }
  async #write(filed: Outgoing['filed']): Promise<void> {
    for (const { offset, bytes } of filed) {
      if (bytes.byteLength <= AT_ONCE) writeAll(this.#file, bytes, offset)
      else
        for (let done = 0; done < bytes.byteLength && this.#over === undefined;)
          done += (await writeFile(this.#file, bytes, done, bytes.byteLength - done, offset + done)).bytesWritten
      if (this.#over !== undefined) return
    }
  }

  /** Lets this process end while the other one still works for nobody. */
  abandon(): void {
    this.#unref()
  }

  /** @param how in words that follow "the process"; by default it is the host that has no more use for it */
  kill(how = 'was ended by the host', killed = true): void {
    if (this.#over !== undefined) return
    this.#why ??= { how, killed }
    // Whoever waits for the end gets to see it.
    this.#ref()
    this.#child.kill('SIGKILL')
  }

  #take(bytes: Buffer): void {
    try {
      if (this.#waiting === undefined || this.#answering) throw new Error('an answer to no question')
      const frame = this.#reader.push(bytes)
      if (frame === undefined) return
      this.#answering = true
      void this.#during(() => this.#answer(frame))
    } catch (error) {
      this.#rubbish(error)
    }
  }
  #rubbish(error: unknown): void {
    const what = isActiveStorageError(error) ? error.text : error instanceof Error ? error.message : String(error)
    this.kill(`wrote what is no answer (${what}) and was ended`, false)
  }

  async #answer(frame: Frame): Promise<void> {
    try {
      if (this.#over !== undefined) return
      const { size } = fstatSync(this.#file)
      const parts = new Map<number, Uint8Array>()
      for (const { inFile, offset, byteLength } of frame.heads) {
        if (!inFile) continue
        // The bytes are there before memory is taken for them.
        if (offset + byteLength > size) throw new Error(`a segment up to byte ${offset + byteLength} of a file of ${size}`)
        parts.set(offset, await this.#read(offset, byteLength))
      }
      const value = unpack(frame, (offset, byteLength) => parts.get(offset)?.subarray(0, byteLength) ?? new Uint8Array())
      if (size > KEPT && this.#over === undefined) await truncateFile(this.#file, 0)
      const waiting = this.#waiting
      this.#waiting = undefined
      this.#answering = false
      this.#unref()
      waiting?.resolve(value)
    } catch (error) {
      this.#answering = false
      if (this.#over === undefined) this.#rubbish(error)
    }
  }
  async #read(offset: number, byteLength: number): Promise<Uint8Array> {
    const into = Buffer.allocUnsafeSlow(byteLength)
    for (let done = 0; done < byteLength;) {
      if (this.#over !== undefined) throw this.#over
      const count =
        byteLength <= AT_ONCE
          ? readSync(this.#file, into, done, byteLength - done, offset + done)
          : (await readFile(this.#file, into, done, byteLength - done, offset + done)).bytesRead
      if (count === 0) throw new Error('a segment that is cut off')
      done += count
    }
    return into
  }

  #fail(error: unknown): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    this.#unref()
    waiting?.reject(error)
  }
  #ref(): void {
    this.#child.ref()
    this.#pipe.ref()
  }
  #unref(): void {
    this.#child.unref()
    this.#pipe.unref()
    const { stderr } = this.#child
    if (stderr instanceof Socket) stderr.unref()
  }
}
