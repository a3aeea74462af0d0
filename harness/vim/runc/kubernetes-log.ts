const LINE = /^(\S+) (?:stdout|stderr) ([FP]) (.*)$/;

/**
 * The log format of Kubernetes, which conmon writes, as lines that begin with their time. A long line lies there in parts,
 * all but the last of them marked P. Source: Kubernetes, CRI logging, "Log format".
 */
export function textOfKubernetesLog(text: string): string {
  const lines: string[] = [];
  let begun: string | undefined;
  for (const line of text.split('\n')) {
    const [, time, tag, words = ''] = LINE.exec(line) ?? [];
    if (time === undefined) continue;
    begun = begun === undefined ? `${time} ${words}` : `${begun}${words}`;
    if (tag === 'P') continue;
    lines.push(begun);
    begun = undefined;
  }
  if (begun !== undefined) lines.push(begun);
  return lines.map((line) => `${line}\n`).join('');
}
