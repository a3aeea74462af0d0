import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** @throws with what the command said */
export async function shell(
  command: string,
  args: readonly string[],
  options: { cwd?: string; timeoutMs?: number } = {},
) {
  try {
    const { stdout } = await run(command, [...args], {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      timeout: options.timeoutMs ?? 60_000,
      maxBuffer: 16 * 2 ** 20,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    });
    return stdout;
  } catch (e) {
    const { stderr = '', message } = e as Error & { stderr?: string };
    throw new Error(`${command} ${args.join(' ')}: ${stderr.trim().split('\n').slice(-3).join('; ') || message}`);
  }
}

export const isThere = (command: string): Promise<boolean> =>
  shell('sh', ['-c', 'command -v "$1"', 'sh', command]).then(
    () => true,
    () => false,
  );
