// Ten lines that use the installed package.
#include <tendon/tensor.h>

#include <iostream>

int main() {
  const auto qpos = tendon::Tensor::from<float>({1, 3}, {0.1F, 0.2F, 0.3F});
  std::cout << "qpos has shape " << tendon::to_string(qpos.shape()) << "\n";
}
