Feature: Steps that fail rightly
  Each scenario fails in its last step, and in no other. The one for the verdict on the service itself is
  scenarios/session-gateway/gate.feature.

  Background:
    Given the network service "service.yaml" is running
    And a steady baseline of 2 seconds
    And an expected recovery time of 1 second
    And that the test may go beyond the blast radius

  Scenario: p99
    When the virtual link "back" is delayed by 40 ms
    Then p99 latency of the probe "sessions" is within 10 % of the baseline

  Scenario: cannot tell
    When the VNFC "worker-2" crashes
    Then p99 latency of the probe "hits" is within 10 % of the baseline

  Scenario: back
    When the VNFC "store-1" crashes
    Then the service is back within 100 ms

  Scenario: lost
    When the VNFC "store-1" stalls for 2 seconds
    Then no session is lost
