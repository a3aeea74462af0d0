Feature: The tail of latency
  The worker waits one to two seconds for its backend, so a tenth of the p99 is more than a busy machine adds by itself.

  Scenario: p99 is kept
    Given the network service "backend.yaml" is running
    And a steady baseline of 8 seconds
    When the VNFC "worker-2" crashes
    Then p99 latency of the probe "sessions" is within 10 % of the baseline
