Feature: Load on the service
  Clause 4.1.1.1 names load as a fault. It is also what a service is measured under.

  Background:
    Given the network service "service.yaml" is running
    And a steady baseline of 2 seconds
    And an expected recovery time of 1 second

  Scenario: under load
    Given a load of 100 requests a second like the probe "sessions"
    When the VNFC "lb" is under a load of 200 requests a second like the probe "health" for 2 seconds
    Then the fault took effect
    And error ratio is within 2 percentage points of the baseline

  Scenario: stopped
    Given the test stops when p50 latency of the probe "sessions" is above 3 times the baseline for 500 ms
    When the virtual link "back" is delayed by 35 ms
    Then the fault took effect
