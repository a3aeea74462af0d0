Feature: A release gate
  The same fault as in features/online-testing.feature, written as a gate: the pipeline stops when the service does not
  come back by itself. With the latent bug of this service it does not, and `ordeal run` ends with exit code 30.

  Scenario: The primary session store stalls
    Given the network service "session-gateway" is running
    And a steady baseline of 4 seconds
    And warm snapshots of the VNFs "gateway" and "session-store"
    When the VNFC "store-1" stalls for 2 seconds
    Then the service quality is as before
