# Install rules: headers, library, program and the package files for find_package(tendon).
