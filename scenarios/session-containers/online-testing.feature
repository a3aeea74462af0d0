Feature: Online testing of containers
  Clause 4.1.1 of ETSI GR NFV-TST 005 on real containers: the same steps as on the embedded VIM.

  Background:
    Given the network service "service.yaml" is running
    And a steady baseline of 4 seconds
    And warm snapshots of the VNFs "gateway" and "session-store"

  @vim:docker
  Scenario: A worker crashes, and the service recovers by itself
    When the VNFC "worker-1" crashes
    Then the fault took effect
    And the service quality is as before within the expected recovery time
    And no restoration was needed
    And every member of the population answers the probe "sessions"

  @vim:docker
  Scenario: The session store stalls for good, and the service is restored from its snapshots
    When the VNFC "store-1" stalls
    Then the fault took effect
    And the service quality is not as before
    And the service is restored from the snapshots
    And every member of the population answers the probe "sessions"
    And the evidence is exported
    And a VNF Snapshot Package holds the memory of the VNFC "store-1"
