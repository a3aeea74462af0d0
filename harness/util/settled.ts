/** Answers when all of them have ended, also when one of them fails: nothing goes on behind its back. @throws the first failure */
export async function allEnded<T>(works: readonly (Promise<T> | T)[]): Promise<T[]> {
  const results = await Promise.allSettled(works);
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
