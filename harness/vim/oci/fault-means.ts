const noTimer = 'heals by `ordeal recover` or the guard: no timer would heal by itself';

/** On the processes of one container. */
export const cgroupFaults: Readonly<Record<string, string>> = {
  shutdown: `SIGTERM by the engine, then SIGKILL; ${noTimer}`,
  crash: `SIGKILL; ${noTimer}`,
  stall: `the freezer of its control group; ${noTimer}`,
  'cpu-starvation': `a quota of its control group; ${noTimer}`,
  'memory-pressure': `a limit of its control group just above what it uses; ${noTimer}`,
};

/** On what crosses the bridge of a virtual link. */
export const bridgeFaults: Readonly<Record<string, string>> = {
  'link-cut': `nftables drops everything on the bridge; ${noTimer}`,
  partition: `nftables drops what one sends to the other; ${noTimer}`,
  loss: `nftables drops at random; ${noTimer}`,
  rate: `nftables drops what is over the rate; ${noTimer}`,
};
