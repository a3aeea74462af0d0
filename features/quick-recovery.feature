Feature: Quick recovery of a VNF from a VNF Snapshot
  Clause 4.3.2 of ETSI GR NFV-TST 005: the service provider asks for it, the individual VNFC Snapshots are resolved and
  reverted to, and who asked is told the result.

  @vim:embedded @UC-4.3.2.1
  Scenario: A VNF that has lost its sessions is reverted to the snapshot that has them
    Given the network service "session-gateway" is running
    And a warm VNF Snapshot "good" of the VNF "session-store"
    When "DELETE /sessions/user-7" is sent to the connection point "lb.public"
    And the VNF "session-store" is reverted to the VNF Snapshot "good"
    Then "GET /sessions/user-7" at the connection point "lb.public" answers "state-user-7"
    And the service provider is told "reverted to VNF Snapshot"
