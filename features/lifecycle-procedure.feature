Feature: A VNF Snapshot in a lifecycle procedure
  Clause 4.3.1 of ETSI GR NFV-TST 005: a snapshot is taken before a critical procedure, as the policy says, and the VNF falls
  back to it when the procedure fails.

  Background:
    Given the network service "session-gateway" is running
    And a VNF Snapshot is taken before the lifecycle procedure "upgrade" of the VNF "session-store"

  @vim:embedded @UC-4.3.1.1 @UC-4.3.1.2
  Scenario: An upgrade that loses a session fails, and the VNF falls back
    When the lifecycle procedure "upgrade" of the VNF "session-store" sends "DELETE /sessions/user-7" to "lb.public", and fails
    Then "GET /sessions/user-7" at the connection point "lb.public" answers "state-user-7"
    And the service provider is told "upgrade of session-store: fell-back, snapshot kept"

  @vim:embedded @UC-4.3.1.1
  Scenario: A procedure that the policy does not name is done without a snapshot
    When the lifecycle procedure "scale" of the VNF "session-store" sends "DELETE /sessions/user-7" to "lb.public", and succeeds
    Then "GET /sessions/user-7" at the connection point "lb.public" answers "status 404"
    And the service provider is told "scale of session-store: done"
