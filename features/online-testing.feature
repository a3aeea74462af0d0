Feature: Online testing of a network service in operation
  Clause 4.1.1 of ETSI GR NFV-TST 005: measure the service, take VNF Snapshots, inject a fault in a controlled manner,
  and see whether the service comes back by itself. If it does not, give it back as it was, and keep the evidence.

  Background:
    Given the network service "session-gateway" is running
    And a steady baseline of 4 seconds
    And warm snapshots of the VNFs "gateway" and "session-store"

  @vim:embedded @UC-4.1.1.1 @UC-4.1.1.2 @UC-4.1.1.4 @UC-4.1.1.5 @UC-4.1.1.6
  Scenario: The primary session store crashes, and the service recovers by itself
    When the VNFC "store-1" crashes
    Then the fault took effect
    And the service quality is as before within the expected recovery time
    And no restoration was needed
    And every member of the population answers the probe "sessions"

  @vim:embedded @UC-4.1.1.7 @UC-4.1.1.8
  Scenario: The primary session store stalls, and the service has to be restored from its snapshots
    When the VNFC "store-1" stalls for 2 seconds
    Then the fault took effect
    And the service quality is not as before
    And the service is restored from the snapshots
    And every member of the population answers the probe "sessions"
    And the evidence is exported
    And a VNF Snapshot Package holds the memory of the VNFC "store-1"
