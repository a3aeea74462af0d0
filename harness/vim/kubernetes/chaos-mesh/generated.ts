// Generated from the CRDs in test/hosts/kubernetes/crds by generate-types.js beside them. Not to be edited.
import type { V1Container, V1Volume } from '@kubernetes/client-node';

/**
 * BlockChaosSpec is the content of the specification for a BlockChaos
 */
export interface BlockChaosSpec {
  /**
   * Action defines the specific block chaos action.
   * Supported action: delay
   */
  action: "delay";
  /**
   * ContainerNames indicates list of the name of affected container.
   * If not set, the first container will be injected
   */
  containerNames?: string[];
  /**
   * Delay defines the delay distribution.
   */
  delay?: {
    correlation?: string;
    jitter?: string;
    /**
     * Latency defines the latency of every io request.
     */
    latency?: string;
  };
  /**
   * Duration represents the duration of the chaos action.
   */
  duration?: string;
  /**
   * Mode defines the mode to run chaos action.
   * Supported mode: one / all / fixed / fixed-percent / random-max-percent
   */
  mode: "one" | "all" | "fixed" | "fixed-percent" | "random-max-percent";
  /**
   * RemoteCluster represents the remote cluster where the chaos will be deployed
   */
  remoteCluster?: string;
  /**
   * Selector is used to select pods that are used to inject chaos action.
   */
  selector: {
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on annotations.
     */
    annotationSelectors?: {
      [k: string]: string;
    };
    /**
     * a slice of label selector expressions that can be used to select objects.
     * A list of selectors based on set-based label expressions.
     */
    expressionSelectors?: {
      /**
       * key is the label key that the selector applies to.
       */
      key: string;
      /**
       * operator represents a key's relationship to a set of values.
       * Valid operators are In, NotIn, Exists and DoesNotExist.
       */
      operator: string;
      /**
       * values is an array of string values. If the operator is In or NotIn,
       * the values array must be non-empty. If the operator is Exists or DoesNotExist,
       * the values array must be empty. This array is replaced during a strategic
       * merge patch.
       */
      values?: string[];
    }[];
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on fields.
     */
    fieldSelectors?: {
      [k: string]: string;
    };
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on labels.
     */
    labelSelectors?: {
      [k: string]: string;
    };
    /**
     * Namespaces is a set of namespace to which objects belong.
     */
    namespaces?: string[];
    /**
     * Map of string keys and values that can be used to select nodes.
     * Selector which must match a node's labels,
     * and objects must belong to these selected nodes.
     */
    nodeSelectors?: {
      [k: string]: string;
    };
    /**
     * Nodes is a set of node name and objects must belong to these nodes.
     */
    nodes?: string[];
    /**
     * PodPhaseSelectors is a set of condition of a pod at the current time.
     * supported value: Pending / Running / Succeeded / Failed / Unknown
     */
    podPhaseSelectors?: string[];
    /**
     * Pods is a map of string keys and a set values that used to select pods.
     * The key defines the namespace which pods belong,
     * and the each values is a set of pod names.
     */
    pods?: {
      [k: string]: string[];
    };
  };
  /**
   * Value is required when the mode is set to `FixedMode` / `FixedPercentMode` / `RandomMaxPercentMode`.
   * If `FixedMode`, provide an integer of pods to do chaos action.
   * If `FixedPercentMode`, provide a number from 0-100 to specify the percent of pods the server can do chaos action.
   * IF `RandomMaxPercentMode`,  provide a number from 0-100 to specify the max percent of pods to do chaos action
   */
  value?: string;
  volumeName: string;
}

/**
 * Spec defines the behavior of a pod chaos experiment
 */
export interface DNSChaosSpec {
  /**
   * Action defines the specific DNS chaos action.
   * Supported action: error, random
   * Default action: error
   */
  action: "error" | "random";
  /**
   * ContainerNames indicates list of the name of affected container.
   * If not set, the first container will be injected
   */
  containerNames?: string[];
  /**
   * Duration represents the duration of the chaos action
   */
  duration?: string;
  /**
   * Mode defines the mode to run chaos action.
   * Supported mode: one / all / fixed / fixed-percent / random-max-percent
   */
  mode: "one" | "all" | "fixed" | "fixed-percent" | "random-max-percent";
  /**
   * Choose which domain names to take effect, support the placeholder ? and wildcard *, or the Specified domain name.
   * Note:
   *      1. The wildcard * must be at the end of the string. For example, chaos-*.org is invalid.
   *      2. if the patterns is empty, will take effect on all the domain names.
   * For example:
   * 		The value is ["google.com", "github.*", "chaos-mes?.org"],
   * 		will take effect on "google.com", "github.com" and "chaos-mesh.org"
   */
  patterns?: string[];
  /**
   * RemoteCluster represents the remote cluster where the chaos will be deployed
   */
  remoteCluster?: string;
  /**
   * Selector is used to select pods that are used to inject chaos action.
   */
  selector: {
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on annotations.
     */
    annotationSelectors?: {
      [k: string]: string;
    };
    /**
     * a slice of label selector expressions that can be used to select objects.
     * A list of selectors based on set-based label expressions.
     */
    expressionSelectors?: {
      /**
       * key is the label key that the selector applies to.
       */
      key: string;
      /**
       * operator represents a key's relationship to a set of values.
       * Valid operators are In, NotIn, Exists and DoesNotExist.
       */
      operator: string;
      /**
       * values is an array of string values. If the operator is In or NotIn,
       * the values array must be non-empty. If the operator is Exists or DoesNotExist,
       * the values array must be empty. This array is replaced during a strategic
       * merge patch.
       */
      values?: string[];
    }[];
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on fields.
     */
    fieldSelectors?: {
      [k: string]: string;
    };
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on labels.
     */
    labelSelectors?: {
      [k: string]: string;
    };
    /**
     * Namespaces is a set of namespace to which objects belong.
     */
    namespaces?: string[];
    /**
     * Map of string keys and values that can be used to select nodes.
     * Selector which must match a node's labels,
     * and objects must belong to these selected nodes.
     */
    nodeSelectors?: {
      [k: string]: string;
    };
    /**
     * Nodes is a set of node name and objects must belong to these nodes.
     */
    nodes?: string[];
    /**
     * PodPhaseSelectors is a set of condition of a pod at the current time.
     * supported value: Pending / Running / Succeeded / Failed / Unknown
     */
    podPhaseSelectors?: string[];
    /**
     * Pods is a map of string keys and a set values that used to select pods.
     * The key defines the namespace which pods belong,
     * and the each values is a set of pod names.
     */
    pods?: {
      [k: string]: string[];
    };
  };
  /**
   * Value is required when the mode is set to `FixedMode` / `FixedPercentMode` / `RandomMaxPercentMode`.
   * If `FixedMode`, provide an integer of pods to do chaos action.
   * If `FixedPercentMode`, provide a number from 0-100 to specify the percent of pods the server can do chaos action.
   * IF `RandomMaxPercentMode`,  provide a number from 0-100 to specify the max percent of pods to do chaos action
   */
  value?: string;
}

export interface HTTPChaosSpec {
  /**
   * Abort is a rule to abort a http session.
   */
  abort?: boolean;
  /**
   * Code is a rule to select target by http status code in response.
   */
  code?: number;
  /**
   * Delay represents the delay of the target request/response.
   * A duration string is a possibly unsigned sequence of
   * decimal numbers, each with optional fraction and a unit suffix,
   * such as "300ms", "2h45m".
   * Valid time units are "ns", "us" (or "µs"), "ms", "s", "m", "h".
   */
  delay?: string;
  /**
   * Duration represents the duration of the chaos action.
   */
  duration?: string;
  /**
   * Method is a rule to select target by http method in request.
   */
  method?: string;
  /**
   * Mode defines the mode to run chaos action.
   * Supported mode: one / all / fixed / fixed-percent / random-max-percent
   */
  mode: "one" | "all" | "fixed" | "fixed-percent" | "random-max-percent";
  /**
   * Patch is a rule to patch some contents in target.
   */
  patch?: {
    /**
     * Body is a rule to patch message body of target.
     */
    body?: {
      /**
       * Type represents the patch type, only support `JSON` as [merge patch json](https://tools.ietf.org/html/rfc7396) currently.
       */
      type: string;
      /**
       * Value is the patch contents.
       */
      value: string;
    };
    /**
     * Headers is a rule to append http headers of target.
     * For example: `[["Set-Cookie", "<one cookie>"], ["Set-Cookie", "<another cookie>"]]`.
     */
    headers?: string[][];
    /**
     * Queries is a rule to append uri queries of target(Request only).
     * For example: `[["foo", "bar"], ["foo", "unknown"]]`.
     */
    queries?: string[][];
  };
  /**
   * Path is a rule to select target by uri path in http request.
   */
  path?: string;
  /**
   * Port represents the target port to be proxy of.
   */
  port?: number;
  /**
   * RemoteCluster represents the remote cluster where the chaos will be deployed
   */
  remoteCluster?: string;
  /**
   * Replace is a rule to replace some contents in target.
   */
  replace?: {
    /**
     * Body is a rule to replace http message body in target.
     */
    body?: string;
    /**
     * Code is a rule to replace http status code in response.
     */
    code?: number;
    /**
     * Headers is a rule to replace http headers of target.
     * The key-value pairs represent header name and header value pairs.
     */
    headers?: {
      [k: string]: string;
    };
    /**
     * Method is a rule to replace http method in request.
     */
    method?: string;
    /**
     * Path is rule to to replace uri path in http request.
     */
    path?: string;
    /**
     * Queries is a rule to replace uri queries in http request.
     * For example, with value `{ "foo": "unknown" }`, the `/?foo=bar` will be altered to `/?foo=unknown`,
     */
    queries?: {
      [k: string]: string;
    };
  };
  /**
   * RequestHeaders is a rule to select target by http headers in request.
   * The key-value pairs represent header name and header value pairs.
   */
  request_headers?: {
    [k: string]: string;
  };
  /**
   * ResponseHeaders is a rule to select target by http headers in response.
   * The key-value pairs represent header name and header value pairs.
   */
  response_headers?: {
    [k: string]: string;
  };
  /**
   * Selector is used to select pods that are used to inject chaos action.
   */
  selector: {
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on annotations.
     */
    annotationSelectors?: {
      [k: string]: string;
    };
    /**
     * a slice of label selector expressions that can be used to select objects.
     * A list of selectors based on set-based label expressions.
     */
    expressionSelectors?: {
      /**
       * key is the label key that the selector applies to.
       */
      key: string;
      /**
       * operator represents a key's relationship to a set of values.
       * Valid operators are In, NotIn, Exists and DoesNotExist.
       */
      operator: string;
      /**
       * values is an array of string values. If the operator is In or NotIn,
       * the values array must be non-empty. If the operator is Exists or DoesNotExist,
       * the values array must be empty. This array is replaced during a strategic
       * merge patch.
       */
      values?: string[];
    }[];
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on fields.
     */
    fieldSelectors?: {
      [k: string]: string;
    };
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on labels.
     */
    labelSelectors?: {
      [k: string]: string;
    };
    /**
     * Namespaces is a set of namespace to which objects belong.
     */
    namespaces?: string[];
    /**
     * Map of string keys and values that can be used to select nodes.
     * Selector which must match a node's labels,
     * and objects must belong to these selected nodes.
     */
    nodeSelectors?: {
      [k: string]: string;
    };
    /**
     * Nodes is a set of node name and objects must belong to these nodes.
     */
    nodes?: string[];
    /**
     * PodPhaseSelectors is a set of condition of a pod at the current time.
     * supported value: Pending / Running / Succeeded / Failed / Unknown
     */
    podPhaseSelectors?: string[];
    /**
     * Pods is a map of string keys and a set values that used to select pods.
     * The key defines the namespace which pods belong,
     * and the each values is a set of pod names.
     */
    pods?: {
      [k: string]: string[];
    };
  };
  /**
   * Target is the object to be selected and injected.
   */
  target: "Request" | "Response";
  /**
   * TLS is the tls config,
   * will override PodHttpChaos if there are multiple HTTPChaos experiments are applied
   */
  tls?: {
    /**
     * CAName represents the data name of ca file in secret, `ca.crt` for example
     */
    caName?: string;
    /**
     * CertName represents the data name of cert file in secret, `tls.crt` for example
     */
    certName: string;
    /**
     * KeyName represents the data name of key file in secret, `tls.key` for example
     */
    keyName: string;
    /**
     * SecretName represents the name of required secret resource
     */
    secretName: string;
    /**
     * SecretNamespace represents the namespace of required secret resource
     */
    secretNamespace: string;
  };
  /**
   * Value is required when the mode is set to `FixedMode` / `FixedPercentMode` / `RandomMaxPercentMode`.
   * If `FixedMode`, provide an integer of pods to do chaos action.
   * If `FixedPercentMode`, provide a number from 0-100 to specify the percent of pods the server can do chaos action.
   * IF `RandomMaxPercentMode`,  provide a number from 0-100 to specify the max percent of pods to do chaos action
   */
  value?: string;
}

/**
 * IOChaosSpec defines the desired state of IOChaos
 */
export interface IOChaosSpec {
  /**
   * Action defines the specific pod chaos action.
   * Supported action: latency / fault / attrOverride / mistake
   */
  action: "latency" | "fault" | "attrOverride" | "mistake";
  /**
   * Attr defines the overridden attribution
   */
  attr?: {
    /**
     * Timespec represents a time
     */
    atime?: {
      nsec: number;
      sec: number;
    };
    blocks?: number;
    /**
     * Timespec represents a time
     */
    ctime?: {
      nsec: number;
      sec: number;
    };
    gid?: number;
    ino?: number;
    /**
     * FileType represents type of file
     */
    kind?: string;
    /**
     * Timespec represents a time
     */
    mtime?: {
      nsec: number;
      sec: number;
    };
    nlink?: number;
    perm?: number;
    rdev?: number;
    size?: number;
    uid?: number;
  };
  /**
   * ContainerNames indicates list of the name of affected container.
   * If not set, the first container will be injected
   */
  containerNames?: string[];
  /**
   * Delay defines the value of I/O chaos action delay.
   * A delay string is a possibly signed sequence of
   * decimal numbers, each with optional fraction and a unit suffix,
   * such as "300ms".
   * Valid time units are "ns", "us" (or "µs"), "ms", "s", "m", "h".
   */
  delay?: string;
  /**
   * Duration represents the duration of the chaos action.
   * It is required when the action is `PodFailureAction`.
   * A duration string is a possibly signed sequence of
   * decimal numbers, each with optional fraction and a unit suffix,
   * such as "300ms", "-1.5h" or "2h45m".
   * Valid time units are "ns", "us" (or "µs"), "ms", "s", "m", "h".
   */
  duration?: string;
  /**
   * Errno defines the error code that returned by I/O action.
   * refer to: https://www-numi.fnal.gov/offline_software/srt_public_context/WebDocs/Errors/unix_system_errors.html
   */
  errno?: number;
  /**
   * Methods defines the I/O methods for injecting I/O chaos action.
   * default: all I/O methods.
   */
  methods?: string[];
  /**
   * Mistake defines what types of incorrectness are injected to IO operations
   */
  mistake?: {
    /**
     * Filling determines what is filled in the mistake data.
     */
    filling?: "zero" | "random";
    /**
     * Max length of each wrong data segment in bytes
     */
    maxLength?: number;
    /**
     * There will be [1, MaxOccurrences] segments of wrong data.
     */
    maxOccurrences?: number;
  };
  /**
   * Mode defines the mode to run chaos action.
   * Supported mode: one / all / fixed / fixed-percent / random-max-percent
   */
  mode: "one" | "all" | "fixed" | "fixed-percent" | "random-max-percent";
  /**
   * Path defines the path of files for injecting I/O chaos action.
   */
  path?: string;
  /**
   * Percent defines the percentage of injection errors and provides a number from 0-100.
   * default: 100.
   */
  percent?: number;
  /**
   * RemoteCluster represents the remote cluster where the chaos will be deployed
   */
  remoteCluster?: string;
  /**
   * Selector is used to select pods that are used to inject chaos action.
   */
  selector: {
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on annotations.
     */
    annotationSelectors?: {
      [k: string]: string;
    };
    /**
     * a slice of label selector expressions that can be used to select objects.
     * A list of selectors based on set-based label expressions.
     */
    expressionSelectors?: {
      /**
       * key is the label key that the selector applies to.
       */
      key: string;
      /**
       * operator represents a key's relationship to a set of values.
       * Valid operators are In, NotIn, Exists and DoesNotExist.
       */
      operator: string;
      /**
       * values is an array of string values. If the operator is In or NotIn,
       * the values array must be non-empty. If the operator is Exists or DoesNotExist,
       * the values array must be empty. This array is replaced during a strategic
       * merge patch.
       */
      values?: string[];
    }[];
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on fields.
     */
    fieldSelectors?: {
      [k: string]: string;
    };
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on labels.
     */
    labelSelectors?: {
      [k: string]: string;
    };
    /**
     * Namespaces is a set of namespace to which objects belong.
     */
    namespaces?: string[];
    /**
     * Map of string keys and values that can be used to select nodes.
     * Selector which must match a node's labels,
     * and objects must belong to these selected nodes.
     */
    nodeSelectors?: {
      [k: string]: string;
    };
    /**
     * Nodes is a set of node name and objects must belong to these nodes.
     */
    nodes?: string[];
    /**
     * PodPhaseSelectors is a set of condition of a pod at the current time.
     * supported value: Pending / Running / Succeeded / Failed / Unknown
     */
    podPhaseSelectors?: string[];
    /**
     * Pods is a map of string keys and a set values that used to select pods.
     * The key defines the namespace which pods belong,
     * and the each values is a set of pod names.
     */
    pods?: {
      [k: string]: string[];
    };
  };
  /**
   * Value is required when the mode is set to `FixedMode` / `FixedPercentMode` / `RandomMaxPercentMode`.
   * If `FixedMode`, provide an integer of pods to do chaos action.
   * If `FixedPercentMode`, provide a number from 0-100 to specify the percent of pods the server can do chaos action.
   * IF `RandomMaxPercentMode`,  provide a number from 0-100 to specify the max percent of pods to do chaos action
   */
  value?: string;
  /**
   * VolumePath represents the mount path of injected volume
   */
  volumePath: string;
}

/**
 * Spec defines the behavior of a kernel chaos experiment
 */
export interface KernelChaosSpec {
  /**
   * ContainerNames indicates list of the name of affected container.
   * If not set, the first container will be injected
   */
  containerNames?: string[];
  /**
   * Duration represents the duration of the chaos action
   */
  duration?: string;
  /**
   * FailKernRequest defines the request of kernel injection
   */
  failKernRequest: {
    /**
     * Callchain indicate a special call chain, such as:
     *     ext4_mount
     *       -> mount_subtree
     *          -> ...
     *             -> should_failslab
     * With an optional set of predicates and an optional set of
     * parameters, which used with predicates. You can read call chan
     * and predicate examples from https://github.com/chaos-mesh/bpfki/tree/develop/examples
     * to learn more.
     * If no special call chain, just keep Callchain empty, which means it will fail at any call chain
     * with slab alloc (eg: kmalloc).
     */
    callchain?: {
      /**
       * Funcname can be find from kernel source or `/proc/kallsyms`, such as `ext4_mount`
       */
      funcname?: string;
      /**
       * Parameters is used with predicate, for example, if you want to inject slab error
       * in `d_alloc_parallel(struct dentry *parent, const struct qstr *name)` with a special
       * name `bananas`, you need to set it to `struct dentry *parent, const struct qstr *name`
       * otherwise omit it.
       */
      parameters?: string;
      /**
       * Predicate will access the arguments of this Frame, example with Parameters's, you can
       * set it to `STRNCMP(name->name, "bananas", 8)` to make inject only with it, or omit it
       * to inject for all d_alloc_parallel call chain.
       */
      predicate?: string;
    }[];
    /**
     * FailType indicates what to fail, can be set to '0' / '1' / '2'
     * If `0`, indicates slab to fail (should_failslab)
     * If `1`, indicates alloc_page to fail (should_fail_alloc_page)
     * If `2`, indicates bio to fail (should_fail_bio)
     * You can read:
     *   1. https://www.kernel.org/doc/html/latest/fault-injection/fault-injection.html
     *   2. http://github.com/iovisor/bcc/blob/master/tools/inject_example.txt
     * to learn more
     */
    failtype: number;
    /**
     * Headers indicates the appropriate kernel headers you need.
     * Eg: "linux/mmzone.h", "linux/blkdev.h" and so on
     */
    headers?: string[];
    /**
     * Probability indicates the fails with probability.
     * If you want 1%, please set this field with 1.
     */
    probability?: number;
    /**
     * Times indicates the max times of fails.
     */
    times?: number;
  };
  /**
   * Mode defines the mode to run chaos action.
   * Supported mode: one / all / fixed / fixed-percent / random-max-percent
   */
  mode: "one" | "all" | "fixed" | "fixed-percent" | "random-max-percent";
  /**
   * RemoteCluster represents the remote cluster where the chaos will be deployed
   */
  remoteCluster?: string;
  /**
   * Selector is used to select pods that are used to inject chaos action.
   */
  selector: {
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on annotations.
     */
    annotationSelectors?: {
      [k: string]: string;
    };
    /**
     * a slice of label selector expressions that can be used to select objects.
     * A list of selectors based on set-based label expressions.
     */
    expressionSelectors?: {
      /**
       * key is the label key that the selector applies to.
       */
      key: string;
      /**
       * operator represents a key's relationship to a set of values.
       * Valid operators are In, NotIn, Exists and DoesNotExist.
       */
      operator: string;
      /**
       * values is an array of string values. If the operator is In or NotIn,
       * the values array must be non-empty. If the operator is Exists or DoesNotExist,
       * the values array must be empty. This array is replaced during a strategic
       * merge patch.
       */
      values?: string[];
    }[];
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on fields.
     */
    fieldSelectors?: {
      [k: string]: string;
    };
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on labels.
     */
    labelSelectors?: {
      [k: string]: string;
    };
    /**
     * Namespaces is a set of namespace to which objects belong.
     */
    namespaces?: string[];
    /**
     * Map of string keys and values that can be used to select nodes.
     * Selector which must match a node's labels,
     * and objects must belong to these selected nodes.
     */
    nodeSelectors?: {
      [k: string]: string;
    };
    /**
     * Nodes is a set of node name and objects must belong to these nodes.
     */
    nodes?: string[];
    /**
     * PodPhaseSelectors is a set of condition of a pod at the current time.
     * supported value: Pending / Running / Succeeded / Failed / Unknown
     */
    podPhaseSelectors?: string[];
    /**
     * Pods is a map of string keys and a set values that used to select pods.
     * The key defines the namespace which pods belong,
     * and the each values is a set of pod names.
     */
    pods?: {
      [k: string]: string[];
    };
  };
  /**
   * Value is required when the mode is set to `FixedMode` / `FixedPercentMode` / `RandomMaxPercentMode`.
   * If `FixedMode`, provide an integer of pods to do chaos action.
   * If `FixedPercentMode`, provide a number from 0-100 to specify the percent of pods the server can do chaos action.
   * IF `RandomMaxPercentMode`,  provide a number from 0-100 to specify the max percent of pods to do chaos action
   */
  value?: string;
}

/**
 * Spec defines the behavior of a pod chaos experiment
 */
export interface NetworkChaosSpec {
  /**
   * Action defines the specific network chaos action.
   * Supported action: partition, netem, delay, loss, duplicate, corrupt
   * Default action: delay
   */
  action: "netem" | "delay" | "loss" | "duplicate" | "corrupt" | "partition" | "bandwidth";
  /**
   * Bandwidth represents the detail about bandwidth control action
   */
  bandwidth?: {
    /**
     * Buffer is the maximum amount of bytes that tokens can be available for instantaneously.
     */
    buffer: number;
    /**
     * Limit is the number of bytes that can be queued waiting for tokens to become available.
     */
    limit: number;
    /**
     * Minburst specifies the size of the peakrate bucket. For perfect
     * accuracy, should be set to the MTU of the interface.  If a
     * peakrate is needed, but some burstiness is acceptable, this
     * size can be raised. A 3000 byte minburst allows around 3mbit/s
     * of peakrate, given 1000 byte packets.
     */
    minburst?: number;
    /**
     * Peakrate is the maximum depletion rate of the bucket.
     * The peakrate does not need to be set, it is only necessary
     * if perfect millisecond timescale shaping is required.
     */
    peakrate?: number;
    /**
     * Rate is the speed knob. Allows bit, kbit, mbit, gbit, tbit, bps, kbps, mbps, gbps, tbps unit. bps means bytes per second.
     */
    rate: string;
  };
  /**
   * Corrupt represents the detail about corrupt action
   */
  corrupt?: {
    correlation?: string;
    corrupt: string;
  };
  /**
   * Delay represents the detail about delay action
   */
  delay?: {
    correlation?: string;
    jitter?: string;
    latency: string;
    /**
     * ReorderSpec defines details of packet reorder.
     */
    reorder?: {
      correlation?: string;
      gap: number;
      reorder: string;
    };
  };
  /**
   * Device represents the network device to be affected.
   */
  device?: string;
  /**
   * Direction represents the direction, this applies on netem and network partition action
   */
  direction?: "to" | "from" | "both";
  /**
   * DuplicateSpec represents the detail about loss action
   */
  duplicate?: {
    correlation?: string;
    duplicate: string;
  };
  /**
   * Duration represents the duration of the chaos action
   */
  duration?: string;
  /**
   * ExternalTargets represents network targets outside k8s
   */
  externalTargets?: string[];
  /**
   * Loss represents the detail about loss action
   */
  loss?: {
    correlation?: string;
    loss: string;
  };
  /**
   * Mode defines the mode to run chaos action.
   * Supported mode: one / all / fixed / fixed-percent / random-max-percent
   */
  mode: "one" | "all" | "fixed" | "fixed-percent" | "random-max-percent";
  /**
   * Rate represents the detail about rate control action
   */
  rate?: {
    /**
     * Rate is the speed knob. Allows bit, kbit, mbit, gbit, tbit, bps, kbps, mbps, gbps, tbps unit. bps means bytes per second.
     */
    rate: string;
  };
  /**
   * RemoteCluster represents the remote cluster where the chaos will be deployed
   */
  remoteCluster?: string;
  /**
   * Selector is used to select pods that are used to inject chaos action.
   */
  selector: {
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on annotations.
     */
    annotationSelectors?: {
      [k: string]: string;
    };
    /**
     * a slice of label selector expressions that can be used to select objects.
     * A list of selectors based on set-based label expressions.
     */
    expressionSelectors?: {
      /**
       * key is the label key that the selector applies to.
       */
      key: string;
      /**
       * operator represents a key's relationship to a set of values.
       * Valid operators are In, NotIn, Exists and DoesNotExist.
       */
      operator: string;
      /**
       * values is an array of string values. If the operator is In or NotIn,
       * the values array must be non-empty. If the operator is Exists or DoesNotExist,
       * the values array must be empty. This array is replaced during a strategic
       * merge patch.
       */
      values?: string[];
    }[];
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on fields.
     */
    fieldSelectors?: {
      [k: string]: string;
    };
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on labels.
     */
    labelSelectors?: {
      [k: string]: string;
    };
    /**
     * Namespaces is a set of namespace to which objects belong.
     */
    namespaces?: string[];
    /**
     * Map of string keys and values that can be used to select nodes.
     * Selector which must match a node's labels,
     * and objects must belong to these selected nodes.
     */
    nodeSelectors?: {
      [k: string]: string;
    };
    /**
     * Nodes is a set of node name and objects must belong to these nodes.
     */
    nodes?: string[];
    /**
     * PodPhaseSelectors is a set of condition of a pod at the current time.
     * supported value: Pending / Running / Succeeded / Failed / Unknown
     */
    podPhaseSelectors?: string[];
    /**
     * Pods is a map of string keys and a set values that used to select pods.
     * The key defines the namespace which pods belong,
     * and the each values is a set of pod names.
     */
    pods?: {
      [k: string]: string[];
    };
  };
  /**
   * Target represents network target, this applies on netem and network partition action
   */
  target?: {
    /**
     * Mode defines the mode to run chaos action.
     * Supported mode: one / all / fixed / fixed-percent / random-max-percent
     */
    mode: "one" | "all" | "fixed" | "fixed-percent" | "random-max-percent";
    /**
     * Selector is used to select pods that are used to inject chaos action.
     */
    selector: {
      /**
       * Map of string keys and values that can be used to select objects.
       * A selector based on annotations.
       */
      annotationSelectors?: {
        [k: string]: string;
      };
      /**
       * a slice of label selector expressions that can be used to select objects.
       * A list of selectors based on set-based label expressions.
       */
      expressionSelectors?: {
        /**
         * key is the label key that the selector applies to.
         */
        key: string;
        /**
         * operator represents a key's relationship to a set of values.
         * Valid operators are In, NotIn, Exists and DoesNotExist.
         */
        operator: string;
        /**
         * values is an array of string values. If the operator is In or NotIn,
         * the values array must be non-empty. If the operator is Exists or DoesNotExist,
         * the values array must be empty. This array is replaced during a strategic
         * merge patch.
         */
        values?: string[];
      }[];
      /**
       * Map of string keys and values that can be used to select objects.
       * A selector based on fields.
       */
      fieldSelectors?: {
        [k: string]: string;
      };
      /**
       * Map of string keys and values that can be used to select objects.
       * A selector based on labels.
       */
      labelSelectors?: {
        [k: string]: string;
      };
      /**
       * Namespaces is a set of namespace to which objects belong.
       */
      namespaces?: string[];
      /**
       * Map of string keys and values that can be used to select nodes.
       * Selector which must match a node's labels,
       * and objects must belong to these selected nodes.
       */
      nodeSelectors?: {
        [k: string]: string;
      };
      /**
       * Nodes is a set of node name and objects must belong to these nodes.
       */
      nodes?: string[];
      /**
       * PodPhaseSelectors is a set of condition of a pod at the current time.
       * supported value: Pending / Running / Succeeded / Failed / Unknown
       */
      podPhaseSelectors?: string[];
      /**
       * Pods is a map of string keys and a set values that used to select pods.
       * The key defines the namespace which pods belong,
       * and the each values is a set of pod names.
       */
      pods?: {
        [k: string]: string[];
      };
    };
    /**
     * Value is required when the mode is set to `FixedMode` / `FixedPercentMode` / `RandomMaxPercentMode`.
     * If `FixedMode`, provide an integer of pods to do chaos action.
     * If `FixedPercentMode`, provide a number from 0-100 to specify the percent of pods the server can do chaos action.
     * IF `RandomMaxPercentMode`,  provide a number from 0-100 to specify the max percent of pods to do chaos action
     */
    value?: string;
  };
  /**
   * TargetDevice represents the network device to be affected in target scope.
   */
  targetDevice?: string;
  /**
   * Value is required when the mode is set to `FixedMode` / `FixedPercentMode` / `RandomMaxPercentMode`.
   * If `FixedMode`, provide an integer of pods to do chaos action.
   * If `FixedPercentMode`, provide a number from 0-100 to specify the percent of pods the server can do chaos action.
   * IF `RandomMaxPercentMode`,  provide a number from 0-100 to specify the max percent of pods to do chaos action
   */
  value?: string;
}

/**
 * Spec defines the behavior of a physical machine chaos experiment
 */
export interface PhysicalMachineChaosSpec {
  /**
   * the subAction, generate automatically
   */
  action:
    | "stress-cpu"
    | "stress-mem"
    | "disk-read-payload"
    | "disk-write-payload"
    | "disk-fill"
    | "network-corrupt"
    | "network-duplicate"
    | "network-loss"
    | "network-delay"
    | "network-partition"
    | "network-dns"
    | "network-bandwidth"
    | "network-flood"
    | "network-down"
    | "process"
    | "jvm-exception"
    | "jvm-gc"
    | "jvm-latency"
    | "jvm-return"
    | "jvm-stress"
    | "jvm-rule-data"
    | "jvm-mysql"
    | "clock"
    | "redis-expiration"
    | "redis-penetration"
    | "redis-cacheLimit"
    | "redis-restart"
    | "redis-stop"
    | "kafka-fill"
    | "kafka-flood"
    | "kafka-io"
    | "file-create"
    | "file-modify"
    | "file-delete"
    | "file-rename"
    | "file-append"
    | "file-replace"
    | "vm"
    | "user_defined";
  /**
   * DEPRECATED: Use Selector instead.
   * Only one of Address and Selector could be specified.
   */
  address?: string[];
  clock?: {
    /**
     * the identifier of the particular clock on which to act.
     * More clock description in linux kernel can be found in man page of clock_getres, clock_gettime, clock_settime.
     * Muti clock ids should be split with ","
     */
    "clock-ids-slice"?: string;
    /**
     * the pid of target program.
     */
    pid?: number;
    /**
     * specifies the length of time offset.
     */
    "time-offset"?: string;
  };
  "disk-fill"?: {
    /**
     * fill disk by fallocate
     */
    "fill-by-fallocate"?: boolean;
    /**
     * specifies the location to fill data in. if path not provided,
     * payload will read/write from/into a temp file, temp file will be deleted after writing
     */
    path?: string;
    /**
     * specifies how many units of data will write into the file path. support unit: c=1, w=2, b=512, kB=1000,
     * K=1024, MB=1000*1000, M=1024*1024, GB=1000*1000*1000, G=1024*1024*1024 BYTES. example : 1M | 512kB
     */
    size?: string;
  };
  "disk-read-payload"?: {
    /**
     * specifies the location to fill data in. if path not provided,
     * payload will read/write from/into a temp file, temp file will be deleted after writing
     */
    path?: string;
    /**
     * specifies the number of process work on writing, default 1, only 1-255 is valid value
     */
    "payload-process-num"?: number;
    /**
     * specifies how many units of data will write into the file path. support unit: c=1, w=2, b=512, kB=1000,
     * K=1024, MB=1000*1000, M=1024*1024, GB=1000*1000*1000, G=1024*1024*1024 BYTES. example : 1M | 512kB
     */
    size?: string;
  };
  "disk-write-payload"?: {
    /**
     * specifies the location to fill data in. if path not provided,
     * payload will read/write from/into a temp file, temp file will be deleted after writing
     */
    path?: string;
    /**
     * specifies the number of process work on writing, default 1, only 1-255 is valid value
     */
    "payload-process-num"?: number;
    /**
     * specifies how many units of data will write into the file path. support unit: c=1, w=2, b=512, kB=1000,
     * K=1024, MB=1000*1000, M=1024*1024, GB=1000*1000*1000, G=1024*1024*1024 BYTES. example : 1M | 512kB
     */
    size?: string;
  };
  /**
   * Duration represents the duration of the chaos action
   */
  duration?: string;
  "file-append"?: {
    /**
     * Count is the number of times to append the data.
     */
    count?: number;
    /**
     * Data is the data for append.
     */
    data?: string;
    /**
     * FileName is the name of the file to be created, modified, deleted, renamed, or appended.
     */
    "file-name"?: string;
  };
  "file-create"?: {
    /**
     * DirName is the directory name to create or delete.
     */
    "dir-name"?: string;
    /**
     * FileName is the name of the file to be created, modified, deleted, renamed, or appended.
     */
    "file-name"?: string;
  };
  "file-delete"?: {
    /**
     * DirName is the directory name to create or delete.
     */
    "dir-name"?: string;
    /**
     * FileName is the name of the file to be created, modified, deleted, renamed, or appended.
     */
    "file-name"?: string;
  };
  "file-modify"?: {
    /**
     * FileName is the name of the file to be created, modified, deleted, renamed, or appended.
     */
    "file-name"?: string;
    /**
     * Privilege is the file privilege to be set.
     */
    privilege?: number;
  };
  "file-rename"?: {
    /**
     * DestFile is the name to be renamed.
     */
    "dest-file"?: string;
    /**
     * SourceFile is the name need to be renamed.
     */
    "source-file"?: string;
  };
  "file-replace"?: {
    /**
     * DestStr is the destination string of the file.
     */
    "dest-string"?: string;
    /**
     * FileName is the name of the file to be created, modified, deleted, renamed, or appended.
     */
    "file-name"?: string;
    /**
     * Line is the line number of the file to be replaced.
     */
    line?: number;
    /**
     * OriginStr is the origin string of the file.
     */
    "origin-string"?: string;
  };
  "http-abort"?: {
    /**
     * Code is a rule to select target by http status code in response
     */
    code?: string;
    /**
     * HTTP method
     */
    method?: string;
    /**
     * Match path of Uri with wildcard matches
     */
    path?: string;
    /**
     * The TCP port that the target service listens on
     */
    port?: number;
    /**
     * Composed with one of the port of HTTP connection, we will only attack HTTP connection with port inside proxy_ports
     */
    proxy_ports: number[];
    /**
     * HTTP target: Request or Response
     */
    target: string;
  };
  "http-config"?: {
    /**
     * The config file path
     */
    file_path?: string;
  };
  "http-delay"?: {
    /**
     * Code is a rule to select target by http status code in response
     */
    code?: string;
    /**
     * Delay represents the delay of the target request/response
     */
    delay: string;
    /**
     * HTTP method
     */
    method?: string;
    /**
     * Match path of Uri with wildcard matches
     */
    path?: string;
    /**
     * The TCP port that the target service listens on
     */
    port?: number;
    /**
     * Composed with one of the port of HTTP connection, we will only attack HTTP connection with port inside proxy_ports
     */
    proxy_ports: number[];
    /**
     * HTTP target: Request or Response
     */
    target: string;
  };
  /**
   * used for HTTP request, now only support GET
   */
  "http-request"?: {
    /**
     * The number of requests to send
     */
    count?: number;
    /**
     * Enable connection pool
     */
    "enable-conn-pool"?: boolean;
    /**
     * Request to send"
     */
    url?: string;
  };
  "jvm-exception"?: {
    /**
     * Java class
     */
    class?: string;
    /**
     * the exception which needs to throw for action `exception`
     */
    exception?: string;
    /**
     * the method in Java class
     */
    method?: string;
    /**
     * the pid of Java process which needs to attach
     */
    pid?: number;
    /**
     * the port of agent server, default 9277
     */
    port?: number;
  };
  "jvm-gc"?: {
    /**
     * the pid of Java process which needs to attach
     */
    pid?: number;
    /**
     * the port of agent server, default 9277
     */
    port?: number;
  };
  "jvm-latency"?: {
    /**
     * Java class
     */
    class?: string;
    /**
     * the latency duration for action 'latency', unit ms
     */
    latency?: number;
    /**
     * the method in Java class
     */
    method?: string;
    /**
     * the pid of Java process which needs to attach
     */
    pid?: number;
    /**
     * the port of agent server, default 9277
     */
    port?: number;
  };
  "jvm-mysql"?: {
    /**
     * the match database
     * default value is "", means match all database
     */
    database?: string;
    /**
     * The exception which needs to throw for action `exception`
     * or the exception message needs to throw in action `mysql`
     */
    exception?: string;
    /**
     * The latency duration for action 'latency'
     * or the latency duration in action `mysql`
     */
    latency?: number;
    /**
     * the version of mysql-connector-java, only support 5.X.X(set to "5") and 8.X.X(set to "8") now
     */
    mysqlConnectorVersion?: string;
    /**
     * the pid of Java process which needs to attach
     */
    pid?: number;
    /**
     * the port of agent server, default 9277
     */
    port?: number;
    /**
     * the match sql type
     * default value is "", means match all SQL type.
     * The value can be 'select', 'insert', 'update', 'delete', 'replace'.
     */
    sqlType?: string;
    /**
     * the match table
     * default value is "", means match all table
     */
    table?: string;
  };
  "jvm-return"?: {
    /**
     * Java class
     */
    class?: string;
    /**
     * the method in Java class
     */
    method?: string;
    /**
     * the pid of Java process which needs to attach
     */
    pid?: number;
    /**
     * the port of agent server, default 9277
     */
    port?: number;
    /**
     * the return value for action 'return'
     */
    value?: string;
  };
  "jvm-rule-data"?: {
    /**
     * the pid of Java process which needs to attach
     */
    pid?: number;
    /**
     * the port of agent server, default 9277
     */
    port?: number;
    /**
     * RuleData used to save the rule file's data, will use it when recover
     */
    "rule-data"?: string;
  };
  "jvm-stress"?: {
    /**
     * the CPU core number need to use, only set it when action is stress
     */
    "cpu-count"?: number;
    /**
     * the memory type need to locate, only set it when action is stress, the value can be 'stack' or 'heap'
     */
    "mem-type"?: string;
    /**
     * the pid of Java process which needs to attach
     */
    pid?: number;
    /**
     * the port of agent server, default 9277
     */
    port?: number;
  };
  "kafka-fill"?: {
    /**
     * The host of kafka server
     */
    host?: string;
    /**
     * The max bytes to fill
     */
    maxBytes?: number;
    /**
     * The size of each message
     */
    messageSize?: number;
    /**
     * The password of kafka client
     */
    password?: string;
    /**
     * The port of kafka server
     */
    port?: number;
    /**
     * The command to reload kafka config
     */
    reloadCommand?: string;
    /**
     * The topic to attack
     */
    topic?: string;
    /**
     * The username of kafka client
     */
    username?: string;
  };
  "kafka-flood"?: {
    /**
     * The host of kafka server
     */
    host?: string;
    /**
     * The size of each message
     */
    messageSize?: number;
    /**
     * The password of kafka client
     */
    password?: string;
    /**
     * The port of kafka server
     */
    port?: number;
    /**
     * The number of worker threads
     */
    threads?: number;
    /**
     * The topic to attack
     */
    topic?: string;
    /**
     * The username of kafka client
     */
    username?: string;
  };
  "kafka-io"?: {
    /**
     * The path of server config
     */
    configFile?: string;
    /**
     * Make kafka cluster non-readable
     */
    nonReadable?: boolean;
    /**
     * Make kafka cluster non-writable
     */
    nonWritable?: boolean;
    /**
     * The topic to attack
     */
    topic?: string;
  };
  /**
   * Mode defines the mode to run chaos action.
   * Supported mode: one / all / fixed / fixed-percent / random-max-percent
   */
  mode: "one" | "all" | "fixed" | "fixed-percent" | "random-max-percent";
  "network-bandwidth"?: {
    buffer: number;
    device?: string;
    hostname?: string;
    "ip-address"?: string;
    limit: number;
    minburst?: number;
    peakrate?: number;
    rate: string;
  };
  "network-corrupt"?: {
    /**
     * correlation is percentage (10 is 10%)
     */
    correlation?: string;
    /**
     * the network interface to impact
     */
    device?: string;
    /**
     * only impact egress traffic to these destination ports, use a ',' to separate or to indicate the range, such as 80, 8001:8010.
     * it can only be used in conjunction with -p tcp or -p udp
     */
    "egress-port"?: string;
    /**
     * only impact traffic to these hostnames
     */
    hostname?: string;
    /**
     * only impact egress traffic to these IP addresses
     */
    "ip-address"?: string;
    /**
     * only impact traffic using this IP protocol, supported: tcp, udp, icmp, all
     */
    "ip-protocol"?: string;
    /**
     * percentage of packets to corrupt (10 is 10%)
     */
    percent?: string;
    /**
     * only impact egress traffic from these source ports, use a ',' to separate or to indicate the range, such as 80, 8001:8010.
     * it can only be used in conjunction with -p tcp or -p udp
     */
    "source-port"?: string;
  };
  "network-delay"?: {
    /**
     * only the packet which match the tcp flag can be accepted, others will be dropped.
     * only set when the IPProtocol is tcp, used for partition.
     */
    "accept-tcp-flags"?: string;
    /**
     * correlation is percentage (10 is 10%)
     */
    correlation?: string;
    /**
     * the network interface to impact
     */
    device?: string;
    /**
     * only impact egress traffic to these destination ports, use a ',' to separate or to indicate the range, such as 80, 8001:8010.
     * it can only be used in conjunction with -p tcp or -p udp
     */
    "egress-port"?: string;
    /**
     * only impact traffic to these hostnames
     */
    hostname?: string;
    /**
     * only impact egress traffic to these IP addresses
     */
    "ip-address"?: string;
    /**
     * only impact traffic using this IP protocol, supported: tcp, udp, icmp, all
     */
    "ip-protocol"?: string;
    /**
     * jitter time, time units: ns, us (or µs), ms, s, m, h.
     */
    jitter?: string;
    /**
     * delay egress time, time units: ns, us (or µs), ms, s, m, h.
     */
    latency?: string;
    /**
     * only impact egress traffic from these source ports, use a ',' to separate or to indicate the range, such as 80, 8001:8010.
     * it can only be used in conjunction with -p tcp or -p udp
     */
    "source-port"?: string;
  };
  "network-dns"?: {
    /**
     * map this host to specified IP
     */
    "dns-domain-name"?: string;
    /**
     * map specified host to this IP address
     */
    "dns-ip"?: string;
    /**
     * update the DNS server in /etc/resolv.conf with this value
     */
    "dns-server"?: string;
  };
  "network-down"?: {
    /**
     * The network interface to impact
     */
    device?: string;
    /**
     * NIC down time, time units: ns, us (or µs), ms, s, m, h.
     */
    duration?: string;
  };
  "network-duplicate"?: {
    /**
     * correlation is percentage (10 is 10%)
     */
    correlation?: string;
    /**
     * the network interface to impact
     */
    device?: string;
    /**
     * only impact egress traffic to these destination ports, use a ',' to separate or to indicate the range, such as 80, 8001:8010.
     * it can only be used in conjunction with -p tcp or -p udp
     */
    "egress-port"?: string;
    /**
     * only impact traffic to these hostnames
     */
    hostname?: string;
    /**
     * only impact egress traffic to these IP addresses
     */
    "ip-address"?: string;
    /**
     * only impact traffic using this IP protocol, supported: tcp, udp, icmp, all
     */
    "ip-protocol"?: string;
    /**
     * percentage of packets to duplicate (10 is 10%)
     */
    percent?: string;
    /**
     * only impact egress traffic from these source ports, use a ',' to separate or to indicate the range, such as 80, 8001:8010.
     * it can only be used in conjunction with -p tcp or -p udp
     */
    "source-port"?: string;
  };
  "network-flood"?: {
    /**
     * The number of seconds to run the iperf test
     */
    duration: string;
    /**
     * Generate traffic to this IP address
     */
    "ip-address"?: string;
    /**
     * The number of iperf parallel client threads to run
     */
    parallel?: number;
    /**
     * Generate traffic to this port on the IP address
     */
    port?: string;
    /**
     * The speed of network traffic, allows bps, kbps, mbps, gbps, tbps unit. bps means bytes per second
     */
    rate: string;
  };
  "network-loss"?: {
    /**
     * correlation is percentage (10 is 10%)
     */
    correlation?: string;
    /**
     * the network interface to impact
     */
    device?: string;
    /**
     * only impact egress traffic to these destination ports, use a ',' to separate or to indicate the range, such as 80, 8001:8010.
     * it can only be used in conjunction with -p tcp or -p udp
     */
    "egress-port"?: string;
    /**
     * only impact traffic to these hostnames
     */
    hostname?: string;
    /**
     * only impact egress traffic to these IP addresses
     */
    "ip-address"?: string;
    /**
     * only impact traffic using this IP protocol, supported: tcp, udp, icmp, all
     */
    "ip-protocol"?: string;
    /**
     * percentage of packets to loss (10 is 10%)
     */
    percent?: string;
    /**
     * only impact egress traffic from these source ports, use a ',' to separate or to indicate the range, such as 80, 8001:8010.
     * it can only be used in conjunction with -p tcp or -p udp
     */
    "source-port"?: string;
  };
  "network-partition"?: {
    /**
     * only the packet which match the tcp flag can be accepted, others will be dropped.
     * only set when the IPProtocol is tcp, used for partition.
     */
    "accept-tcp-flags"?: string;
    /**
     * the network interface to impact
     */
    device?: string;
    /**
     * specifies the partition direction, values can be 'from', 'to'.
     * 'from' means packets coming from the 'IPAddress' or 'Hostname' and going to your server,
     * 'to' means packets originating from your server and going to the 'IPAddress' or 'Hostname'.
     */
    direction?: string;
    /**
     * only impact traffic to these hostnames
     */
    hostname?: string;
    /**
     * only impact egress traffic to these IP addresses
     */
    "ip-address"?: string;
    /**
     * only impact egress traffic to these IP addresses
     */
    "ip-protocol"?: string;
  };
  process?: {
    /**
     * the process name or the process ID
     */
    process?: string;
    /**
     * the command to be run when recovering experiment
     */
    recoverCmd?: string;
    /**
     * the signal number to send
     */
    signal?: number;
  };
  "redis-cacheLimit"?: {
    /**
     * The adress of Redis server
     */
    addr?: string;
    /**
     * The size of `maxmemory`
     */
    cacheSize?: string;
    /**
     * The password of Redis server
     */
    password?: string;
    /**
     * Specifies maxmemory as a percentage of the original value
     */
    percent?: string;
  };
  "redis-expiration"?: {
    /**
     * The adress of Redis server
     */
    addr?: string;
    /**
     * The expiration of the keys
     */
    expiration?: string;
    /**
     * The keys to be expired
     */
    key?: string;
    /**
     * Additional options for `expiration`
     */
    option?: string;
    /**
     * The password of Redis server
     */
    password?: string;
  };
  "redis-penetration"?: {
    /**
     * The adress of Redis server
     */
    addr?: string;
    /**
     * The password of Redis server
     */
    password?: string;
    /**
     * The number of requests to be sent
     */
    requestNum?: number;
  };
  "redis-restart"?: {
    /**
     * The adress of Redis server
     */
    addr?: string;
    /**
     * The path of Sentinel conf
     */
    conf?: string;
    /**
     * The control flag determines whether to flush config
     */
    flushConfig?: boolean;
    /**
     * The password of Redis server
     */
    password?: string;
    /**
     * The path of `redis-server` command-line tool
     */
    redisPath?: boolean;
  };
  "redis-stop"?: {
    /**
     * The adress of Redis server
     */
    addr?: string;
    /**
     * The path of Sentinel conf
     */
    conf?: string;
    /**
     * The control flag determines whether to flush config
     */
    flushConfig?: boolean;
    /**
     * The password of Redis server
     */
    password?: string;
    /**
     * The path of `redis-server` command-line tool
     */
    redisPath?: boolean;
  };
  /**
   * RemoteCluster represents the remote cluster where the chaos will be deployed
   */
  remoteCluster?: string;
  /**
   * Selector is used to select physical machines that are used to inject chaos action.
   */
  selector?: {
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on annotations.
     */
    annotationSelectors?: {
      [k: string]: string;
    };
    /**
     * a slice of label selector expressions that can be used to select objects.
     * A list of selectors based on set-based label expressions.
     */
    expressionSelectors?: {
      /**
       * key is the label key that the selector applies to.
       */
      key: string;
      /**
       * operator represents a key's relationship to a set of values.
       * Valid operators are In, NotIn, Exists and DoesNotExist.
       */
      operator: string;
      /**
       * values is an array of string values. If the operator is In or NotIn,
       * the values array must be non-empty. If the operator is Exists or DoesNotExist,
       * the values array must be empty. This array is replaced during a strategic
       * merge patch.
       */
      values?: string[];
    }[];
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on fields.
     */
    fieldSelectors?: {
      [k: string]: string;
    };
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on labels.
     */
    labelSelectors?: {
      [k: string]: string;
    };
    /**
     * Namespaces is a set of namespace to which objects belong.
     */
    namespaces?: string[];
    /**
     * PhysicalMachines is a map of string keys and a set values that used to select physical machines.
     * The key defines the namespace which physical machine belong,
     * and each value is a set of physical machine names.
     */
    physicalMachines?: {
      [k: string]: string[];
    };
  };
  "stress-cpu"?: {
    /**
     * specifies P percent loading per CPU worker. 0 is effectively a sleep (no load) and 100 is full loading.
     */
    load?: number;
    /**
     * extend stress-ng options
     */
    options?: string[];
    /**
     * specifies N workers to apply the stressor.
     */
    workers?: number;
  };
  "stress-mem"?: {
    /**
     * extend stress-ng options
     */
    options?: string[];
    /**
     * specifies N bytes consumed per vm worker, default is the total available memory.
     * One can specify the size as % of total available memory or in units of B, KB/KiB, MB/MiB, GB/GiB, TB/TiB..
     */
    size?: string;
  };
  /**
   * the experiment ID
   */
  uid?: string;
  user_defined?: {
    /**
     * The command to be executed when attack
     */
    attackCmd?: string;
    /**
     * The command to be executed when recover
     */
    recoverCmd?: string;
  };
  /**
   * Value is required when the mode is set to `FixedMode` / `FixedPercentMode` / `RandomMaxPercentMode`.
   * If `FixedMode`, provide an integer of physical machines to do chaos action.
   * If `FixedPercentMode`, provide a number from 0-100 to specify the percent of physical machines the server can do chaos action.
   * IF `RandomMaxPercentMode`,  provide a number from 0-100 to specify the max percent of pods to do chaos action
   */
  value?: string;
  vm?: {
    /**
     * The name of the VM to be injected
     */
    "vm-name"?: string;
  };
}

/**
 * Spec defines the behavior of a pod chaos experiment
 */
export interface PodChaosSpec {
  /**
   * Action defines the specific pod chaos action.
   * Supported action: pod-kill / pod-failure / container-kill
   * Default action: pod-kill
   */
  action: "pod-kill" | "pod-failure" | "container-kill";
  /**
   * ContainerNames indicates list of the name of affected container.
   * If not set, the first container will be injected
   */
  containerNames?: string[];
  /**
   * Duration represents the duration of the chaos action.
   * It is required when the action is `PodFailureAction`.
   * A duration string is a possibly signed sequence of
   * decimal numbers, each with optional fraction and a unit suffix,
   * such as "300ms", "-1.5h" or "2h45m".
   * Valid time units are "ns", "us" (or "µs"), "ms", "s", "m", "h".
   */
  duration?: string;
  /**
   * GracePeriod is used in pod-kill action. It represents the duration in seconds before the pod should be deleted.
   * Value must be non-negative integer. The default value is zero that indicates delete immediately.
   */
  gracePeriod?: number;
  /**
   * Mode defines the mode to run chaos action.
   * Supported mode: one / all / fixed / fixed-percent / random-max-percent
   */
  mode: "one" | "all" | "fixed" | "fixed-percent" | "random-max-percent";
  /**
   * RemoteCluster represents the remote cluster where the chaos will be deployed
   */
  remoteCluster?: string;
  /**
   * Selector is used to select pods that are used to inject chaos action.
   */
  selector: {
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on annotations.
     */
    annotationSelectors?: {
      [k: string]: string;
    };
    /**
     * a slice of label selector expressions that can be used to select objects.
     * A list of selectors based on set-based label expressions.
     */
    expressionSelectors?: {
      /**
       * key is the label key that the selector applies to.
       */
      key: string;
      /**
       * operator represents a key's relationship to a set of values.
       * Valid operators are In, NotIn, Exists and DoesNotExist.
       */
      operator: string;
      /**
       * values is an array of string values. If the operator is In or NotIn,
       * the values array must be non-empty. If the operator is Exists or DoesNotExist,
       * the values array must be empty. This array is replaced during a strategic
       * merge patch.
       */
      values?: string[];
    }[];
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on fields.
     */
    fieldSelectors?: {
      [k: string]: string;
    };
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on labels.
     */
    labelSelectors?: {
      [k: string]: string;
    };
    /**
     * Namespaces is a set of namespace to which objects belong.
     */
    namespaces?: string[];
    /**
     * Map of string keys and values that can be used to select nodes.
     * Selector which must match a node's labels,
     * and objects must belong to these selected nodes.
     */
    nodeSelectors?: {
      [k: string]: string;
    };
    /**
     * Nodes is a set of node name and objects must belong to these nodes.
     */
    nodes?: string[];
    /**
     * PodPhaseSelectors is a set of condition of a pod at the current time.
     * supported value: Pending / Running / Succeeded / Failed / Unknown
     */
    podPhaseSelectors?: string[];
    /**
     * Pods is a map of string keys and a set values that used to select pods.
     * The key defines the namespace which pods belong,
     * and the each values is a set of pod names.
     */
    pods?: {
      [k: string]: string[];
    };
  };
  /**
   * Value is required when the mode is set to `FixedMode` / `FixedPercentMode` / `RandomMaxPercentMode`.
   * If `FixedMode`, provide an integer of pods to do chaos action.
   * If `FixedPercentMode`, provide a number from 0-100 to specify the percent of pods the server can do chaos action.
   * IF `RandomMaxPercentMode`,  provide a number from 0-100 to specify the max percent of pods to do chaos action
   */
  value?: string;
}

/**
 * ScheduleSpec is the specification of a schedule object
 */
export interface ScheduleSpec {
  awsChaos?: {};
  azureChaos?: {};
  blockChaos?: BlockChaosSpec;
  concurrencyPolicy?: "Forbid" | "Allow";
  dnsChaos?: DNSChaosSpec;
  gcpChaos?: {};
  historyLimit?: number;
  httpChaos?: HTTPChaosSpec;
  ioChaos?: IOChaosSpec;
  jvmChaos?: {};
  kernelChaos?: KernelChaosSpec;
  networkChaos?: NetworkChaosSpec;
  physicalmachineChaos?: PhysicalMachineChaosSpec;
  podChaos?: PodChaosSpec;
  schedule: string;
  startingDeadlineSeconds?: number;
  stressChaos?: StressChaosSpec;
  timeChaos?: TimeChaosSpec;
  type: string;
  workflow?: WorkflowSpec;
}

/**
 * Spec defines the behavior of a status check
 */
export interface StatusCheckSpec {
  /**
   * Duration defines the duration of the whole status check if the
   * number of failed execution does not exceed the failure threshold.
   * Duration is available to both `Synchronous` and `Continuous` mode.
   * A duration string is a possibly signed sequence of
   * decimal numbers, each with optional fraction and a unit suffix,
   * such as "300ms", "-1.5h" or "2h45m".
   * Valid time units are "ns", "us" (or "µs"), "ms", "s", "m", "h".
   */
  duration?: string;
  /**
   * FailureThreshold defines the minimum consecutive failure
   * for the status check to be considered failed.
   */
  failureThreshold?: number;
  http?: {
    body?: string;
    /**
     * Criteria defines how to determine the result of the status check.
     */
    criteria: {
      /**
       * StatusCode defines the expected http status code for the request.
       * A statusCode string could be a single code (e.g. 200), or
       * an inclusive range (e.g. 200-400, both `200` and `400` are included).
       */
      statusCode: string;
    };
    /**
     * A Header represents the key-value pairs in an HTTP header.
     *
     * The keys should be in canonical form, as returned by
     * [CanonicalHeaderKey].
     */
    headers?: {
      [k: string]: string[];
    };
    method?: "GET" | "POST";
    url: string;
  };
  /**
   * IntervalSeconds defines how often (in seconds) to perform
   * an execution of status check.
   */
  intervalSeconds?: number;
  /**
   * Mode defines the execution mode of the status check.
   * Support type: Synchronous / Continuous
   */
  mode?: "Synchronous" | "Continuous";
  /**
   * RecordsHistoryLimit defines the number of record to retain.
   */
  recordsHistoryLimit?: number;
  /**
   * SuccessThreshold defines the minimum consecutive successes
   * for the status check to be considered successful.
   * SuccessThreshold only works for `Synchronous` mode.
   */
  successThreshold?: number;
  /**
   * TimeoutSeconds defines the number of seconds after which
   * an execution of status check times out.
   */
  timeoutSeconds?: number;
  /**
   * Type defines the specific status check type.
   * Support type: HTTP
   */
  type: "HTTP";
}

/**
 * Spec defines the behavior of a time chaos experiment
 */
export interface StressChaosSpec {
  /**
   * ContainerNames indicates list of the name of affected container.
   * If not set, the first container will be injected
   */
  containerNames?: string[];
  /**
   * Duration represents the duration of the chaos action
   */
  duration?: string;
  /**
   * Mode defines the mode to run chaos action.
   * Supported mode: one / all / fixed / fixed-percent / random-max-percent
   */
  mode: "one" | "all" | "fixed" | "fixed-percent" | "random-max-percent";
  /**
   * RemoteCluster represents the remote cluster where the chaos will be deployed
   */
  remoteCluster?: string;
  /**
   * Selector is used to select pods that are used to inject chaos action.
   */
  selector: {
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on annotations.
     */
    annotationSelectors?: {
      [k: string]: string;
    };
    /**
     * a slice of label selector expressions that can be used to select objects.
     * A list of selectors based on set-based label expressions.
     */
    expressionSelectors?: {
      /**
       * key is the label key that the selector applies to.
       */
      key: string;
      /**
       * operator represents a key's relationship to a set of values.
       * Valid operators are In, NotIn, Exists and DoesNotExist.
       */
      operator: string;
      /**
       * values is an array of string values. If the operator is In or NotIn,
       * the values array must be non-empty. If the operator is Exists or DoesNotExist,
       * the values array must be empty. This array is replaced during a strategic
       * merge patch.
       */
      values?: string[];
    }[];
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on fields.
     */
    fieldSelectors?: {
      [k: string]: string;
    };
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on labels.
     */
    labelSelectors?: {
      [k: string]: string;
    };
    /**
     * Namespaces is a set of namespace to which objects belong.
     */
    namespaces?: string[];
    /**
     * Map of string keys and values that can be used to select nodes.
     * Selector which must match a node's labels,
     * and objects must belong to these selected nodes.
     */
    nodeSelectors?: {
      [k: string]: string;
    };
    /**
     * Nodes is a set of node name and objects must belong to these nodes.
     */
    nodes?: string[];
    /**
     * PodPhaseSelectors is a set of condition of a pod at the current time.
     * supported value: Pending / Running / Succeeded / Failed / Unknown
     */
    podPhaseSelectors?: string[];
    /**
     * Pods is a map of string keys and a set values that used to select pods.
     * The key defines the namespace which pods belong,
     * and the each values is a set of pod names.
     */
    pods?: {
      [k: string]: string[];
    };
  };
  /**
   * StressngStressors defines plenty of stressors just like `Stressors` except that it's an experimental
   * feature and more powerful. You can define stressors in `stress-ng` (see also `man stress-ng`) dialect,
   * however not all of the supported stressors are well tested. It maybe retired in later releases. You
   * should always use `Stressors` to define the stressors and use this only when you want more stressors
   * unsupported by `Stressors`. When both `StressngStressors` and `Stressors` are defined, `StressngStressors`
   * wins.
   */
  stressngStressors?: string;
  /**
   * Stressors defines plenty of stressors supported to stress system components out.
   * You can use one or more of them to make up various kinds of stresses. At least
   * one of the stressors should be specified.
   */
  stressors?: {
    /**
     * CPUStressor stresses CPU out
     */
    cpu?: {
      /**
       * Load specifies P percent loading per CPU worker. 0 is effectively a sleep (no load) and 100
       * is full loading.
       */
      load?: number;
      /**
       * extend stress-ng options
       */
      options?: string[];
      /**
       * Workers specifies N workers to apply the stressor.
       * Maximum 8192 workers can run by stress-ng
       */
      workers: number;
    };
    /**
     * MemoryStressor stresses virtual memory out
     */
    memory?: {
      /**
       * OOMScoreAdj sets the oom_score_adj of the stress process. See `man 5 proc` to know more
       * about this option.
       */
      oomScoreAdj?: number;
      /**
       * extend stress-ng options
       */
      options?: string[];
      /**
       * Size specifies N bytes consumed per vm worker, default is the total available memory.
       * One can specify the size as % of total available memory or in units of B, KB/KiB,
       * MB/MiB, GB/GiB, TB/TiB.
       */
      size?: string;
      /**
       * Workers specifies N workers to apply the stressor.
       * Maximum 8192 workers can run by stress-ng
       */
      workers: number;
    };
  };
  /**
   * Value is required when the mode is set to `FixedMode` / `FixedPercentMode` / `RandomMaxPercentMode`.
   * If `FixedMode`, provide an integer of pods to do chaos action.
   * If `FixedPercentMode`, provide a number from 0-100 to specify the percent of pods the server can do chaos action.
   * IF `RandomMaxPercentMode`,  provide a number from 0-100 to specify the max percent of pods to do chaos action
   */
  value?: string;
}

/**
 * Spec defines the behavior of a time chaos experiment
 */
export interface TimeChaosSpec {
  /**
   * ClockIds defines all affected clock id
   * All available options are ["CLOCK_REALTIME","CLOCK_MONOTONIC","CLOCK_PROCESS_CPUTIME_ID","CLOCK_THREAD_CPUTIME_ID",
   * "CLOCK_MONOTONIC_RAW","CLOCK_REALTIME_COARSE","CLOCK_MONOTONIC_COARSE","CLOCK_BOOTTIME","CLOCK_REALTIME_ALARM",
   * "CLOCK_BOOTTIME_ALARM"]
   * Default value is ["CLOCK_REALTIME"]
   */
  clockIds?: string[];
  /**
   * ContainerNames indicates list of the name of affected container.
   * If not set, the first container will be injected
   */
  containerNames?: string[];
  /**
   * Duration represents the duration of the chaos action
   */
  duration?: string;
  /**
   * Mode defines the mode to run chaos action.
   * Supported mode: one / all / fixed / fixed-percent / random-max-percent
   */
  mode: "one" | "all" | "fixed" | "fixed-percent" | "random-max-percent";
  /**
   * RemoteCluster represents the remote cluster where the chaos will be deployed
   */
  remoteCluster?: string;
  /**
   * Selector is used to select pods that are used to inject chaos action.
   */
  selector: {
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on annotations.
     */
    annotationSelectors?: {
      [k: string]: string;
    };
    /**
     * a slice of label selector expressions that can be used to select objects.
     * A list of selectors based on set-based label expressions.
     */
    expressionSelectors?: {
      /**
       * key is the label key that the selector applies to.
       */
      key: string;
      /**
       * operator represents a key's relationship to a set of values.
       * Valid operators are In, NotIn, Exists and DoesNotExist.
       */
      operator: string;
      /**
       * values is an array of string values. If the operator is In or NotIn,
       * the values array must be non-empty. If the operator is Exists or DoesNotExist,
       * the values array must be empty. This array is replaced during a strategic
       * merge patch.
       */
      values?: string[];
    }[];
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on fields.
     */
    fieldSelectors?: {
      [k: string]: string;
    };
    /**
     * Map of string keys and values that can be used to select objects.
     * A selector based on labels.
     */
    labelSelectors?: {
      [k: string]: string;
    };
    /**
     * Namespaces is a set of namespace to which objects belong.
     */
    namespaces?: string[];
    /**
     * Map of string keys and values that can be used to select nodes.
     * Selector which must match a node's labels,
     * and objects must belong to these selected nodes.
     */
    nodeSelectors?: {
      [k: string]: string;
    };
    /**
     * Nodes is a set of node name and objects must belong to these nodes.
     */
    nodes?: string[];
    /**
     * PodPhaseSelectors is a set of condition of a pod at the current time.
     * supported value: Pending / Running / Succeeded / Failed / Unknown
     */
    podPhaseSelectors?: string[];
    /**
     * Pods is a map of string keys and a set values that used to select pods.
     * The key defines the namespace which pods belong,
     * and the each values is a set of pod names.
     */
    pods?: {
      [k: string]: string[];
    };
  };
  /**
   * TimeOffset defines the delta time of injected program. It's a possibly signed sequence of decimal numbers, such as
   * "300ms", "-1.5h" or "2h45m". Valid time units are "ns", "us" (or "µs"), "ms", "s", "m", "h".
   */
  timeOffset: string;
  /**
   * Value is required when the mode is set to `FixedMode` / `FixedPercentMode` / `RandomMaxPercentMode`.
   * If `FixedMode`, provide an integer of pods to do chaos action.
   * If `FixedPercentMode`, provide a number from 0-100 to specify the percent of pods the server can do chaos action.
   * IF `RandomMaxPercentMode`,  provide a number from 0-100 to specify the max percent of pods to do chaos action
   */
  value?: string;
}

/**
 * Spec defines the behavior of a workflow
 */
export interface WorkflowSpec {
  entry: string;
  templates: {
    /**
     * AbortWithStatusCheck describe whether to abort the workflow when the failure threshold of StatusCheck is exceeded.
     * Only used when Type is TypeStatusCheck.
     */
    abortWithStatusCheck?: boolean;
    awsChaos?: {};
    azureChaos?: {};
    blockChaos?: BlockChaosSpec;
    /**
     * Children describes the children steps of serial or parallel node. Only used when Type is TypeSerial or TypeParallel.
     */
    children?: string[];
    /**
     * ConditionalBranches describes the conditional branches of custom tasks. Only used when Type is TypeTask.
     */
    conditionalBranches?: {
      /**
       * Expression is the expression for this conditional branch, expected type of result is boolean. If expression is empty, this branch will always be selected/the template will be spawned.
       */
      expression?: string;
      /**
       * Target is the name of other template, if expression is evaluated as true, this template will be spawned.
       */
      target: string;
    }[];
    deadline?: string;
    dnsChaos?: DNSChaosSpec;
    gcpChaos?: {};
    httpChaos?: HTTPChaosSpec;
    ioChaos?: IOChaosSpec;
    jvmChaos?: {};
    kernelChaos?: KernelChaosSpec;
    name: string;
    networkChaos?: NetworkChaosSpec;
    physicalmachineChaos?: PhysicalMachineChaosSpec;
    podChaos?: PodChaosSpec;
    schedule?: ScheduleSpec;
    statusCheck?: StatusCheckSpec;
    stressChaos?: StressChaosSpec;
    /**
     * Task describes the behavior of the custom task. Only used when Type is TypeTask.
     */
    task?: {
      container?: V1Container;
      labels?: {
        [k: string]: string;
      };
      volumes?: V1Volume[];
    };
    templateType: string;
    timeChaos?: TimeChaosSpec;
  }[];
}
