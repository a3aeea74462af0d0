/** What Ordeal writes on objects, so that every process sees it. All of it begins with this. */
const prefix = 'ordeal.dev';

export const label = {
  /** The run that made it, or that holds it. */
  run: `${prefix}/run`,
  /** `<resource>.<generation>` of a quarantined or prepared VNFC. */
  compute: `${prefix}/compute`,
  resource: `${prefix}/resource`,
  quarantined: `${prefix}/quarantined`,
  fault: `${prefix}/fault`,
  /** What its object is to Ordeal: `restored`, `fault`, `checkpoint-reader`, `service`, `hosted`. */
  role: `${prefix}/role`,
  service: `${prefix}/service`,
  snapshot: `${prefix}/snapshot`,
  /** The call of Ordeal that runs in the cluster. */
  job: `${prefix}/job`,
} as const;

export const annotation = {
  /** How many times another one has taken the place of a Deployment's pod. */
  generation: `${prefix}/generation`,
  /** The labels that a quarantined pod had. */
  labels: `${prefix}/labels-before`,
  /** The replicas that a stopped or quarantined Deployment had. */
  replicas: `${prefix}/replicas-before`,
  injection: `${prefix}/injection`,
} as const;

/** A label's value may hold no more than this alphabet and 63 characters. */
export const labelValue = (text: string): string => text.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 63);

/** A name of an object: lower case letters, digits and dashes. */
export const objectName = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .slice(0, 60)
    .replace(/-+$/, '');
