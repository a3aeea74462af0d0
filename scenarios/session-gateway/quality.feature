Feature: The quality of the service, indicator by indicator
  The verdict on the service takes the margins of its descriptor. These steps ask for more, or for less: each compares the
  measurement after the fault with the baseline of the same run, and an answer that cannot be told is no pass.

  Scenario: A worker crashes, and nothing of it is left
    Given the network service "session-gateway" is running
    And a steady baseline of 4 seconds
    When the VNFC "worker-1" crashes
    Then the service quality is as before
    And p50 latency of the probe "sessions" is within 100 ms of the baseline
    And error ratio is within 2 percentage points of the baseline
    And the service is back within 5 seconds
    And no session is lost
