Feature: A VNF Snapshot for root cause analysis
  Clause 4.2.1 of ETSI GR NFV-TST 005: selected VNFCs are captured when a policy is met, and the service provider is told
  where the evidence is, or why there is none.

  Background:
    Given the network service "session-gateway" is running
    And the VNFCs "store-1" are captured when the NFVI reports a fault and performance is degraded

  @vim:embedded @UC-4.2.1.1 @UC-4.2.1.3
  Scenario: A fault of the NFVI and degraded performance come together
    When the NFVI reports "memory error on host 3" under the VNF "session-store"
    And the performance of the VNF "session-store" is degraded: "p95 is 900 ms"
    Then a forensic VNF Snapshot of the VNF "session-store" holds the VNFCs "store-1"
    And the service provider is told "captured: vnf-snapshot-"

  @vim:embedded @UC-4.2.1.1
  Scenario: A fault of the NFVI alone captures nothing
    When the NFVI reports "memory error on host 3" under the VNF "session-store"
    Then the service provider is told nothing

  @vim:embedded @UC-4.2.1.3
  Scenario: A capture that fails is reported with the reason
    When the NFVI reports "memory error on host 3" under the VNF "gateway"
    And the performance of the VNF "gateway" is degraded: "p95 is 900 ms"
    Then the service provider is told "not captured: "
