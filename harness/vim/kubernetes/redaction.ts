/** Fields of the API that hold what nobody but their owner may read, and those that only fill pages. */
const secret = /(token|password|passwd|secret|credential|private.?key|api.?key)/i;

/** Objects for the reader of a package: values of environment variables and annotations that may be secrets are not in it. */
export function redacted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redacted);
  if (value === null || typeof value !== 'object') return value;
  const it = value as Record<string, unknown>;
  const isVariable = typeof it.name === 'string' && typeof it.value === 'string' && secret.test(it.name);
  return Object.fromEntries(
    Object.entries(it)
      .filter(([key]) => key !== 'managedFields' && key !== 'kubectl.kubernetes.io/last-applied-configuration')
      .map(([key, child]) => {
        if (isVariable && key === 'value') return [key, '(redacted)'];
        if (typeof child === 'string' && secret.test(key) && key !== 'secretName') return [key, '(redacted)'];
        return [key, redacted(child)];
      }),
  );
}
