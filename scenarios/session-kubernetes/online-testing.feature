Feature: Online testing of pods
  Clause 4.1.1 of ETSI GR NFV-TST 005 on Kubernetes: the same steps as on the embedded VIM. Nothing in Kubernetes brings the
  memory of a pod back, so the snapshots are cold; the evidence holds the memory.

  Background:
    Given the network service "service.yaml" is running
    And a steady baseline of 4 seconds
    And cold snapshots of the VNFs "gateway" and "session-store"

  @vim:kubernetes
  Scenario: A gateway crashes, and the service recovers by itself
    When the VNFC "gateway-1" crashes
    Then the fault took effect
    And the service quality is as before within the expected recovery time
    And no restoration was needed
    And every member of the population answers the probe "sessions"

  @vim:kubernetes
  Scenario: The session store crashes, and the service has to be restored
    When the VNFC "store-1" crashes
    Then the fault took effect
    And the service quality is not as before
    And the service is restored from the snapshots
    And every member of the population answers the probe "sessions"
    And the evidence is exported
    And a VNF Snapshot Package holds the memory of the VNFC "gateway-1"
