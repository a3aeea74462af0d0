import { expect, test } from '@playwright/test';
import { sleep } from '../../harness/util/deadline.js';
import { fakeInjector, fault } from './fake-faults.js';

test.describe('the dose', () => {
  test('is confirmed by what was measured at the target', async () => {
    const { injector } = fakeInjector();
    const injected = await injector.inject(fault('stall'));
    expect(injected.dose).toBe('not-injected');
    await injector.verify(injected);
    expect(injected).toMatchObject({ dose: 'confirmed', reading: { how: 'fake' } });
  });

  test('is no effect when nothing shows, and wrong when it is another one', async () => {
    const { injector, faults } = fakeInjector();
    const delay = fault('delay', { target: { link: 'back' }, params: { delayMs: 80 } });
    faults.reading = { effective: true, measured: { delayMs: 300 }, how: 'fake' };
    const wrong = await injector.inject(delay);
    await injector.verify(wrong);
    faults.reading = { effective: false, measured: { delayMs: 80 }, how: 'fake' };
    const none = await injector.inject(delay);
    await injector.verify(none);
    expect([wrong.dose, none.dose]).toEqual(['wrong-dose', 'no-effect']);
  });

  test('is no effect when it cannot be measured, and says why', async () => {
    const { injector, faults } = fakeInjector();
    faults.verify = () => Promise.reject(new Error('no answer'));
    const injected = await injector.inject(fault('stall'));
    await injector.verify(injected);
    expect(injected).toMatchObject({ dose: 'no-effect', reading: { how: 'could not be measured: no answer' } });
  });

  test('is not claimed for a fault that was healed while it was measured', async () => {
    const { injector, faults } = fakeInjector();
    faults.verify = async () => {
      await sleep(50);
      return faults.reading;
    };
    const injected = await injector.inject(fault('stall'));
    const measuring = injector.verify(injected);
    await injector.heal(injected);
    await measuring;
    expect(injected).toMatchObject({ dose: 'no-effect', reading: { how: 'was healed before it could be measured' } });
  });

  test('is not confirmed by a reading alone when the VIM does not list the fault', async () => {
    const { injector, faults } = fakeInjector();
    faults.inject = () => Promise.resolve();
    const stall = await injector.inject(fault('stall'));
    await injector.verify(stall);
    expect(stall).toMatchObject({ dose: 'no-effect', reading: { how: expect.stringMatching(/does not list it/) } });
  });

  test('of an event is confirmed by its reading, as no VIM lists what has happened', async () => {
    const { injector, faults } = fakeInjector();
    faults.inject = () => Promise.resolve();
    const crash = await injector.inject(fault('crash'));
    await injector.verify(crash);
    expect(crash).toMatchObject({ dose: 'confirmed', reading: { how: 'fake' } });
  });

  test('that is none is told as it was read, whether the VIM lists the fault or not', async () => {
    const { injector, faults } = fakeInjector();
    faults.inject = () => Promise.resolve();
    faults.reading = { effective: false, measured: {}, how: 'it answers' };
    const stall = await injector.inject(fault('stall'));
    await injector.verify(stall);
    expect(stall).toMatchObject({ dose: 'no-effect', reading: { how: 'it answers' } });
  });

  test('of a fault that is healed already is not measured again', async () => {
    const { injector, told } = fakeInjector();
    const injected = await injector.inject(fault('stall'));
    await injector.verify(injected);
    await injector.heal(injected);
    await injector.verify(injected);
    expect(told.filter((t) => t === 'verify stall')).toHaveLength(1);
    expect(injected.dose).toBe('confirmed');
  });
});

test.describe("the dead man's switch of a VIM", () => {
  test('counts from our last word where it takes one, else from the injection with its duration', async () => {
    const { injector, faults } = fakeInjector({ renewedAfterMs: 2200 });
    const timed = fault('stall', { durationMs: 30_000 });
    expect((await injector.inject(timed)).injection.expiresAfterMs).toBe(2200);
    delete faults.renew;
    expect((await injector.inject(timed)).injection.expiresAfterMs).toBe(90_000);
    // A VIM that takes no word is not asked.
    await injector.renew();
  });

  test('is put off for what is on, and for nothing that is healed', async () => {
    const { injector, told } = fakeInjector();
    const healed = await injector.inject(fault('stall'));
    await injector.inject(fault('crash'));
    await injector.heal(healed);
    await injector.renew();
    expect(told.filter((t) => t.startsWith('renew'))).toEqual(['renew crash']);
  });

  test('makes a wrong dose of a condition that ended before its time', async () => {
    const { injector, faults } = fakeInjector();
    const stall = await injector.inject(fault('stall'));
    const crash = await injector.inject(fault('crash'));
    for (const it of [stall, crash]) await injector.verify(it);
    faults.on.clear();
    await injector.renew();
    expect([stall.dose, stall.reading?.how]).toEqual(['wrong-dose', 'fake; ended before its time']);
    // An event is over by itself.
    expect(crash.dose).toBe('confirmed');
  });

  test('does not make more of what was no effect, nor of what was healed meanwhile', async () => {
    const { injector, faults } = fakeInjector();
    faults.reading = { effective: false, measured: {}, how: 'fake' };
    const none = await injector.inject(fault('stall'));
    await injector.verify(none);
    faults.reading = { effective: true, measured: {}, how: 'fake' };
    const healed = await injector.inject(fault('disk-full'));
    await injector.verify(healed);
    faults.renew = async (i) => {
      if (i.kind === 'disk-full') await injector.heal(healed);
      return false;
    };
    await injector.renew();
    expect([none.dose, healed.dose]).toEqual(['no-effect', 'confirmed']);
  });

  test('is asked again later when the VIM does not answer', async () => {
    const { injector, faults, told } = fakeInjector();
    const renew = faults.renew!;
    faults.renew = () => Promise.reject(new Error('busy'));
    const stall = await injector.inject(fault('stall'));
    await injector.verify(stall);
    await injector.renew();
    faults.renew = renew;
    await injector.renew();
    expect([stall.dose, told.at(-1)]).toEqual(['confirmed', 'renew stall']);
  });
});
