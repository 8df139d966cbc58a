// `mrt serve --demo`, started for the tests on a free port with data of its own.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

const MRT = process.env.MRT ?? fileURLToPath(new URL('../../../../target/debug/mrt', import.meta.url));

/** Longest wait for the first collection: the demo makes 60 days of history before, seconds on an idle machine. */
const START_MILLISECONDS = 180_000;

export class Server {
  private own = '';

  private constructor(readonly url: string, private readonly process: ChildProcess, private readonly data: string) {}

  /** Starts the demo, and returns when every target has its first numbers. */
  static async start(): Promise<Server> {
    const data = mkdtempSync(join(tmpdir(), 'mrt-dashboard-'));
    const child = spawn(MRT, ['serve', '--demo', '--data', data, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'pipe'] });
    const url = await new Promise<string>((found, failed) => {
      let text = '';
      const read = (chunk: Buffer) => {
        text += chunk.toString();
        const match = /MRT API on (http:\/\/127\.0\.0\.1:\d+)/.exec(text);
        if (match) found(`${match[1]}/`);
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.on('exit', () => failed(new Error(`mrt serve --demo ended: ${text}`)));
    });
    const server = new Server(url, child, data);
    try {
      await server.collected();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** A token, limited to scopes and environments. */
  token(...options: string[]): string {
    return execFileSync(MRT, ['token', '--data', this.data, ...options]).toString().trim();
  }

  /** The answer of a route. */
  async get<T>(path: string): Promise<T> {
    this.own ||= this.token();
    const response = await fetch(new URL(path, this.url), { headers: { Authorization: `Bearer ${this.own}` } });
    return (await response.json()) as T;
  }

  /** What Prometheus gets about an environment. */
  async metrics(environment: string): Promise<string> {
    this.own ||= this.token();
    const response = await fetch(new URL(`metrics?environment=${environment}`, this.url), { headers: { Authorization: `Bearer ${this.own}` } });
    return await response.text();
  }

  async stop(): Promise<void> {
    const ended = new Promise((done) => this.process.once('exit', done));
    this.process.kill('SIGTERM');
    await ended;
    rmSync(this.data, { recursive: true, force: true });
  }

  /** Waits until nothing is pending. Asks again as soon as there is an answer: the first collection takes seconds. */
  private async collected(): Promise<void> {
    const deadline = Date.now() + START_MILLISECONDS;
    for (;;) {
      const answers = await Promise.all(['bucket_size', 'table_size?tables=1'].map((path) => this.get<{ items?: unknown[]; pending?: unknown[] }>(path)));
      if (answers.every(({ items, pending }) => items?.length && pending?.length === 0)) return;
      if (Date.now() > deadline) throw new Error(`the demo did not finish its first collection: ${JSON.stringify(answers).slice(0, 500)}`);
    }
  }
}
